import { Redis } from 'ioredis'
import { createSentinel } from 'redis'
import { expect, it, onTestFinished } from 'vitest'
import { Sentinels } from '../test/sentinels.js'
import { Traffic } from '../test/traffic.js'
import type { RedisClient } from './clients/redis-client.js'
import { RedisBackplane } from './redis-backplane.js'

const host = '127.0.0.1'

const clients: Readonly<Record<string, (sentinels: Sentinels) => RedisClient>> = {
  ioredis: ({ ports, name }) =>
    new Redis({ sentinels: ports.map((port) => ({ host, port })), name, lazyConnect: true }),
  'node-redis': ({ ports, name }) =>
    createSentinel({ name, sentinelRootNodes: ports.map((port) => ({ host, port })) }).on('error', () => {}),
}

/** `npm run test:long` asks for more: an old primary takes ten seconds to be of use again. */
const strikes = Number(process.env.RIVULET_SEEDS ?? 1) > 1 ? 3 : 1

it('continues on the replica that the sentinels promote, and loses nothing silently', { timeout: 90_000 }, async () => {
  const sentinels = await Sentinels.start()
  onTestFinished(() => sentinels.dispose())
  // Two of each library share their events.
  const given = Object.values(clients).flatMap((client) => [client(sentinels), client(sentinels)])
  const nodes = given.map((client) => new RedisBackplane({ client, timeoutMs: 500, probeIntervalMs: 500 }))
  onTestFinished(() => {
    for (const node of nodes) node.close()
  })
  await Traffic.through(nodes, { seed: 1, lossless: false }, async (traffic) => {
    for (let strike = 0; strike < strikes; strike++) {
      await traffic.more()
      const primary = await sentinels.primary()
      // Sentinels make the old primary a replica some time after it has come back.
      for (const server of sentinels.servers) if (server !== primary) await server.followed()
      await primary.kill()
      await traffic.more()
      expect(await sentinels.primary()).not.toBe(primary)
      // It takes itself for the primary, at first.
      await primary.start()
      await traffic.more()
    }
  })
  for (const node of nodes) node.close()
  await expect.poll(() => sentinels.connections()).toBe(0)
})
