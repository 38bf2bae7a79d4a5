import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { EventManager, type EventStreamOptions } from '@rivulet/server'
import { handleEventStream, handleStreamControl } from '@rivulet/server/node'
import { expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { randomFrom } from '../../../test-support/random.js'
import { OneRedis } from '../test/one-redis.js'

const redis = new OneRedis()
const events = defineEvents({ tick: z.object({ n: z.number() }) })
const names = ['a', 'b', 'c', 'd']

/** A node whose streams change. Its streams get each channel from the beginning. */
async function startNode(namespace: string) {
  const { backplane } = redis.node({ namespace, retention: { maxEvents: 100_000 } })
  const manager = new EventManager({ events, backplane, heartbeat: false })
  const route: EventStreamOptions<unknown, undefined, typeof events> = {
    channels: (_request, _context, { requested = [] }) => ['user', ...requested],
    replay: 100_000,
    changeable: true,
  }
  const server = createServer((request, response) => {
    if (request.method === 'POST') void handleStreamControl(manager, request, response, route)
    else void handleEventStream(manager, request, response, route)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await manager.close()
    server.close()
    server.closeAllConnections()
  })
  return { manager, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** A stream on one node, whose changes are posted to the other one, and what it got wrong. */
async function startStream(url: string, controlUrl: string, channels: readonly string[]) {
  const stream = new EventStreamService({ url, controlUrl, events, channels })
  onTestFinished(() => stream.close())
  const last = new Map<string, number>()
  const problems: string[] = []
  stream.onError((error) => void problems.push(String(error)))
  stream.onGap(({ channel, reason }) => void problems.push(`gap: ${channel} ${reason}`))
  stream.on(events.tick, ({ n, channel = 'default' }) => {
    const before = last.get(channel) ?? 0
    // A channel that was left and added again begins anew.
    if (n !== before + 1 && !(n === 1 && channel !== 'user')) problems.push(`${channel}: ${n} after ${before}`)
    last.set(channel, n)
  })
  stream.connect()
  await vi.waitFor(() => expect(stream.status).toBe('open'), 10_000)
  return { stream, last, problems }
}

it('changes that reach another node lose and double nothing while events come', { timeout: 60_000 }, async () => {
  const random = randomFrom(11)
  const nodes = [await startNode('changes'), await startNode('changes')] as const
  const { stream, last, problems } = await startStream(nodes[0].url, nodes[1].url, [])
  const counts = new Map<string, number>()
  // Each channel has one publisher, so that its numbers come in order.
  const publish = (channel: string) => {
    const n = (counts.get(channel) ?? 0) + 1
    counts.set(channel, n)
    return nodes[channel === 'user' || channel < 'c' ? 0 : 1].manager.channel(channel).publish('tick', { n })
  }
  for (let round = 0; round < 60; round++) {
    const change = stream.setChannels(names.filter(() => random() < 0.5))
    for (let burst = 0; burst < 5; burst++) {
      await Promise.all([publish('user'), publish(names[Math.floor(random() * names.length)]!)])
    }
    // Some are superseded by the next one.
    if (random() < 0.5) await change
  }
  const wanted = ['a', 'c', 'd']
  await stream.setChannels(wanted)
  for (const channel of [...wanted, 'user']) await publish(channel)
  await vi.waitFor(() => {
    for (const channel of [...wanted, 'user']) expect(last.get(channel)).toBe(counts.get(channel))
  }, 20_000)
  expect(problems).toEqual([])
})

it('join and leave reach the streams of every node', { timeout: 60_000 }, async () => {
  const nodes = [await startNode('moves'), await startNode('moves')] as const
  const streams = [await startStream(nodes[0].url, nodes[0].url, []), await startStream(nodes[1].url, nodes[1].url, [])]
  const publish = (channel: string, n: number) => nodes[1].manager.channel(channel).publish('tick', { n })
  const haveLast = (channel: string, n: number) =>
    vi.waitFor(() => expect(streams.map(({ last }) => last.get(channel))).toEqual([n, n]), 10_000)
  await publish('room', 1)
  await nodes[0].manager.join({ channel: 'user' }, 'room')
  await haveLast('room', 1)
  await publish('room', 2)
  await haveLast('room', 2)
  await nodes[1].manager.leave({ channel: 'user' }, 'room')
  await publish('room', 3)
  await publish('user', 1)
  await haveLast('user', 1)
  await haveLast('room', 2)
  for (const { problems } of streams) expect(problems).toEqual([])
})
