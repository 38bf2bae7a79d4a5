import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../test-support/free-port.js'
import { Recorder } from '../../../test-support/recorder.js'
import { certificate } from '../../server/test/certificate.js'
import { RedisServer } from '../test/redis-server.js'
import type { RedisClient } from './clients/redis-client.js'
import { RedisBackplane } from './redis-backplane.js'

/** A server that takes nobody without TLS, and nobody but this user, who may do what the README says and no more. */
const username = 'node'
const password = 'secret'
const rights = ['~{rivulet}:*', '&{rivulet}:*', '+@all', '-@dangerous', '+info']
const { cert: ca } = certificate

let server: RedisServer
let tlsPort: number
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rivulet-tls-'))
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  await writeFile(cert, certificate.cert)
  await writeFile(key, certificate.key)
  tlsPort = await freePort()
  const tls = ['--tls-port', String(tlsPort), '--tls-auth-clients', 'no', '--tls-ca-cert-file', cert]
  const users = ['--user', username, 'on', `>${password}`, ...rights, '--user', 'default', 'off']
  server = await RedisServer.start({ args: [...tls, '--tls-cert-file', cert, '--tls-key-file', key, ...users] })
})
afterAll(async () => {
  await server.dispose()
  await rm(folder, { recursive: true, force: true })
})

interface Given {
  readonly password: string
  readonly tls: boolean
}

const clients: Readonly<Record<string, (given: Given) => RedisClient>> = {
  ioredis: ({ password, tls }) =>
    new Redis({ host: 'localhost', port: tlsPort, username, password, lazyConnect: true, ...(tls && { tls: { ca } }) }),
  'node-redis': ({ password, tls }) =>
    createClient({ username, password, socket: { host: 'localhost', port: tlsPort, ...(tls && { tls, ca }) } }),
}

function start(client: RedisClient): RedisBackplane {
  const backplane = new RedisBackplane({ client, timeoutMs: 1_000 })
  onTestFinished(() => backplane.close())
  return backplane
}

describe.each(Object.entries(clients))(
  'what %s was given reaches the connections of the backplane',
  (channel, client) => {
    it('works with TLS, as a user with few permissions', async () => {
      const backplane = start(client({ password, tls: true }))
      const recorder = new Recorder()
      await backplane.subscribe(channel, recorder)
      for (const data of ['1', '2']) {
        await backplane.publish(channel, { type: 'log', data }, { retain: true, idempotencyKey: data })
      }
      await recorder.until(({ data }) => data.length === 2)
      expect((await backplane.read(channel, 0, 10)).messages.map(({ data }) => data)).toEqual(['1', '2'])
      expect(await backplane.seek(channel, 1)).toBeGreaterThan(0)
      await backplane.publish(channel, { type: 'log', data: 'live' }, { retain: false })
      await recorder.until(({ data }) => data.includes('live'))
    })

    it('and not without its credentials', async () => {
      const publish = (given: Given) =>
        start(client(given)).publish(channel, { type: 'log', data: '1' }, { retain: true })
      await expect(publish({ password: 'wrong', tls: true })).rejects.toThrow('WRONGPASS')
      await expect(publish({ password, tls: false })).rejects.toMatchObject({ code: 'RIVULET_BACKPLANE_UNAVAILABLE' })
    })
  },
)
