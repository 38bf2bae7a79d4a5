import { createServer } from 'node:http'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventHistory, handleEventStream } from '@rivulet/server/node'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { dataOf, listen, openStream } from '../../server/test/stream-client.js'
import { OneRedis } from '../test/one-redis.js'

const redis = new OneRedis()
const events = defineEvents({ tick: z.object({ n: z.number() }) })
const channels = ['a', 'b']

/** A node with the history route. */
async function startNode(namespace: string) {
  const { backplane } = redis.node({ namespace, retention: { maxEvents: 100_000 } })
  const manager = new EventManager({ events, backplane })
  const server = createServer((request, response) => {
    if (request.url!.startsWith('/history')) void handleEventHistory(manager, request, response, { channels })
    else void handleEventStream(manager, request, response, { channels, replay: { last: 10 } })
  })
  const url = await listen(server)
  onTestFinished(() => manager.close())
  return { manager, url }
}

it('pages through the history on one node while another one publishes, and misses and repeats nothing', async () => {
  const [one, other] = [await startNode('history'), await startNode('history')]
  const publish = (n: number) => one.manager.channel(channels[n % 3 ? 0 : 1]!).publish('tick', { n })
  for (let n = 0; n < 500; n++) await publish(n)
  const pages: number[][] = []
  for (let before: string | undefined = ''; before !== undefined; ) {
    const response = await fetch(`${other.url}/history?limit=64${before && `&before=${before}`}`)
    const page: { events: { data: { n: number } }[]; before?: string } = await response.json()
    pages.unshift(page.events.map(({ data }) => data.n))
    before = page.before
    await publish(1_000 + pages.length)
  }
  expect(pages.flat()).toEqual(Array.from({ length: 500 }, (_, n) => n))
  expect(pages.length).toBe(8)
})

it('begins a stream with the latest events of all its channels together', async () => {
  const { manager, url } = await startNode('replay')
  for (let n = 0; n < 40; n++) await manager.channel(channels[n % 5 ? 0 : 1]!).publish('tick', { n })
  const client = await openStream(`${url}/events`)
  const messages = await client.received(11)
  expect(dataOf(messages, 'tick').map(({ n }) => n)).toEqual(Array.from({ length: 10 }, (_, index) => 30 + index))
})
