import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { Recorder } from '../../../test-support/recorder.js'
import { redisChecks } from '../test/redis-checks.js'
import { clusterClients, RedisCluster } from '../test/redis-cluster.js'
import { connectionsTo } from '../test/redis-server.js'
import { Traffic } from '../test/traffic.js'
import { slotOf } from './clients/slot.js'
import { RedisBackplane } from './redis-backplane.js'

/** `npm run test:long` plays some of them more than once. */
const strikes = Number(process.env.RIVULET_SEEDS ?? 1) > 1 ? 5 : 1
const namespace = 'events'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await RedisCluster.start(namespace)
}, 30_000)
afterAll(() => cluster.dispose())

it('computes the slot of a key like a cluster does', async () => {
  for (const name of ['rivulet', 'events', 'a', 'größer', '事件'])
    expect(slotOf(`{${name}}:clock`)).toBe(await cluster.servers[0]!.command('cluster', 'keyslot', `{${name}}:log:b`))
})

describe.each(Object.entries(clusterClients))('with %s', (_, client) => {
  for (const { name, run } of redisChecks(() => client(cluster))) it(name, run)
})

function startNodes(probeIntervalMs: number): RedisBackplane[] {
  const given = Object.values(clusterClients).flatMap((client) => [client(cluster), client(cluster)])
  const nodes = given.map((client) => new RedisBackplane({ client, namespace, timeoutMs: 500, probeIntervalMs }))
  onTestFinished(() => {
    for (const node of nodes) node.close()
  })
  return nodes
}

describe('nothing is lost silently', () => {
  it('when the primary of the slot is killed and its replica is promoted', { timeout: 120_000 }, async () => {
    await Traffic.through(startNodes(500), { seed: 1, lossless: false }, async (traffic) => {
      for (let strike = 0; strike < strikes; strike++) {
        await traffic.more()
        const primary = await cluster.primary()
        await primary.kill()
        await traffic.more()
        // It comes back as the replica.
        await primary.start()
        await primary.followed()
        await cluster.settled()
        expect(await cluster.primary()).not.toBe(primary)
      }
    })
  })

  it('when the slot moves to another primary', { timeout: 120_000 }, async () => {
    // Nothing but the refusals tells them.
    await Traffic.through(startNodes(60_000), { seed: 2, lossless: false }, async (traffic) => {
      for (let strike = 0; strike < strikes; strike++) {
        await traffic.more()
        await cluster.migrate()
        await traffic.more()
      }
    })
  })

  it('by a node that only listens, when the slot moves', async () => {
    const [listener, publisher] = [startNodes(50)[0]!, startNodes(60_000)[1]!]
    const recorder = new Recorder()
    await listener.subscribe('a', recorder)
    await publisher.publish('a', { type: 'log', data: '1' }, { retain: true })
    await recorder.until(({ data }) => data.includes('1'))
    await cluster.migrate()
    await vi.waitFor(() => publisher.publish('a', { type: 'log', data: '2' }, { retain: true }), 5_000)
    await recorder.until(({ data }) => data.includes('2'))
    expect(recorder.gaps).toEqual([undefined])
  })

  it('and no connection leaks', async () => {
    const ports = cluster.servers.map(({ port }) => port)
    await expect.poll(() => connectionsTo(ports)).toBe(0)
  })
})
