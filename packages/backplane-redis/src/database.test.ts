import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Recorder } from '../../../test-support/recorder.js'
import { RedisServer } from '../test/redis-server.js'
import type { RedisClient } from './clients/redis-client.js'
import { RedisBackplane } from './redis-backplane.js'

let server: RedisServer
beforeAll(async () => {
  server = await RedisServer.start()
})
afterAll(() => server.dispose())

const host = '127.0.0.1'
const clients: Readonly<Record<string, (db: number) => RedisClient>> = {
  ioredis: (db) => new Redis({ port: server.port, host, db, lazyConnect: true }),
  'ioredis by its address': (db) => new Redis(`redis://${host}:${server.port}/${db}`, { lazyConnect: true }),
  'node-redis': (database) => createClient({ socket: { port: server.port, host }, database }),
  'node-redis by its address': (db) => createClient({ url: `redis://${host}:${server.port}/${db}` }),
}

describe.each(Object.entries(clients))('two applications on one server, with %s', (namespace, client) => {
  const start = async (db: number) => {
    const backplane = new RedisBackplane({ client: client(db), namespace, probeIntervalMs: 20 })
    onTestFinished(() => backplane.close())
    const recorder = new Recorder()
    await backplane.subscribe('a', recorder)
    return { backplane, recorder }
  }

  it('do not hear each other in different databases', async () => {
    const [one, other] = [await start(0), await start(1)]
    for (const [index, { backplane }] of [one, other].entries())
      for (const retain of [true, false])
        await backplane.publish('a', { type: 'log', data: `${index} ${retain}` }, { retain })
    for (const { backplane } of [one, other])
      await backplane.publish('a', { type: 'log', data: 'end' }, { retain: true })
    for (const { recorder } of [one, other]) await recorder.until(({ data }) => data.includes('end'))
    const told = ({ recorder }: { recorder: Recorder }) => recorder.entries.map(({ message }) => message?.data ?? 'gap')
    expect(told(one)).toEqual(['0 true', '0 false', 'end'])
    expect(told(other)).toEqual(['1 true', '1 false', 'end'])
  })

  it('hear each other in one database', async () => {
    const [one, other] = [await start(2), await start(2)]
    await one.backplane.publish('a', { type: 'log', data: '1' }, { retain: true })
    await other.recorder.until(({ data }) => data.includes('1'))
  })
})
