import { createServer, get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Clock } from '@rivulet/core'
import { defineEvents } from '@rivulet/core'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { heapInUse } from '../../test/heap.js'
import { SimulatedSink, settle } from '../../test/simulation.js'
import { listen } from '../../test/stream-client.js'
import type { Backplane } from '../backplane/backplane.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { EventManager } from '../event-manager.js'
import { handleEventStream } from '../node.js'
import { backgroundClock } from '../runtime/clock.js'

const events = defineEvents({ log: z.object({ message: z.any() }) })
const cycle: Record<string, unknown> = {}
cycle.itself = cycle

const hostileCursors = ['🜁', 'x'.repeat(8_000), '-1', '1e9', 'zzzzzzzzzzzz', '../../etc/passwd', '0', '{"a":1}']

/** A client that keeps only the status of the answer. */
async function open(url: string): Promise<IncomingMessage> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { agent: false }, resolve).on('error', reject)
  })
  return response.on('error', () => {})
}

/** Resolves as soon as the text has arrived. */
async function until(response: IncomingMessage, text: string): Promise<void> {
  for await (const chunk of response.iterator({ destroyOnReturn: false })) if (String(chunk).includes(text)) return
  throw new Error(`The stream ended before ${text}`)
}

/** The sockets and servers that keep this process alive, by kind. */
function openHandles(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== 'Timeout' && kind !== 'Immediate') counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

/** The real clock, with the timers that are pending. */
function countTimers(): { clock: Clock; timers: Set<unknown> } {
  const timers = new Set<unknown>()
  const clock: Clock = {
    ...backgroundClock,
    setTimeout(callback, ms) {
      const timer = backgroundClock.setTimeout(() => {
        timers.delete(timer)
        callback()
      }, ms)
      timers.add(timer)
      return timer
    },
    clearTimeout(timer) {
      timers.delete(timer)
      backgroundClock.clearTimeout(timer)
    },
  }
  return { clock, timers }
}

async function start() {
  const { clock, timers } = countTimers()
  const manager = new EventManager({
    events,
    clock,
    retention: { maxEvents: 10 },
    limits: { maxConnectionsPerKey: 20 },
    onError: () => {},
  })
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    void handleEventStream(manager, request, response, {
      authorize: () => {
        if (path === '/throws') throw new Error('no database')
        return { context: path, key: path === '/crowd' ? 'crowd' : undefined }
      },
      filter:
        path === '/filter'
          ? () => {
              throw new Error('no rule')
            }
          : undefined,
    })
  })
  const url = await listen(server)
  return { manager, server, url, timers }
}

/** One client for everything that goes wrong between a server and its clients. */
async function misuse({ manager, url }: Awaited<ReturnType<typeof start>>): Promise<void> {
  const port = Number(new URL(url).port)
  const streams: IncomingMessage[] = []
  for (const cursor of hostileCursors) {
    streams.push(await open(`${url}?lastEventId=${encodeURIComponent(cursor)}`))
  }
  for (let count = 0; count < 25; count++) streams.push(await open(`${url}/crowd`))
  streams.push(await open(`${url}/throws`), await open(`${url}/filter`))
  const statuses = streams.map(({ statusCode }) => statusCode)
  expect(statuses.filter((status) => status === 429)).toHaveLength(5)
  expect(statuses.filter((status) => status === 500)).toHaveLength(1)

  const rst = connect(port, '127.0.0.1', () => rst.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'))
  await new Promise((resolve) => rst.once('data', resolve))
  rst.pause()

  await expect(manager.publish('log', { message: 1n })).rejects.toThrow()
  await expect(manager.publish('log', { message: cycle })).rejects.toThrow()
  manager.emit('log', { message: cycle })
  // The socket dies during this write.
  await manager.publish('log', { message: 'x'.repeat(300_000) })
  rst.resetAndDestroy()
  await manager.publish('log', { message: 'end' })
  await until(streams[0]!, '"end"')

  for (const stream of streams) stream.destroy()
  while (manager.connections.size > 0) await new Promise(setImmediate)
}

it('leaves no connection, timer or memory behind, whatever clients and publishers do', async () => {
  const handles = openHandles()
  const served = await start()
  const { manager, server, url, timers } = served
  const sizes: number[] = []
  for (let round = 0; round < 30; round++) {
    await misuse(served)
    sizes.push(await heapInUse())
  }
  // A few rounds fill everything that stays: compiled code, pools, retained events. The least of several rounds, because
  // a large event may or may not still be in a buffer.
  const [settled, last] = [Math.min(...sizes.slice(6, 14)), Math.min(...sizes.slice(-8))]
  expect(last - settled).toBeLessThan(1_000_000)

  expect(manager.stats()).toMatchObject({ connections: 0, lagging: 0, cohorts: 0 })
  await manager.close()
  expect(timers.size).toBe(0)
  await expect(manager.publish('log', { message: 'late' })).rejects.toMatchObject({ code: 'RIVULET_MANAGER_CLOSED' })
  expect((await open(url)).statusCode).toBe(503)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  // A socket is released a turn or two after it closes.
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
  expect(openHandles()).toEqual(handles)
}, 120_000)

/** A backplane of which one method never answers, as it is asked for. */
function createMute(method: 'subscribe' | 'read', isMute: (channel: string) => boolean): Backplane {
  const backplane: Backplane = new MemoryBackplane()
  const answer = backplane[method].bind(backplane) as (...given: unknown[]) => unknown
  const never = new Promise(() => {})
  const mute = (...given: unknown[]) => (isMute(given[0] as string) ? never : answer(...given))
  return Object.assign(backplane, { [method]: mute })
}

it.each([
  ['tells no disconnects', createMute('subscribe', (channel) => channel !== 'default'), 100],
  ['passes on no events', createMute('subscribe', (channel) => channel === 'default'), 100],
  // The backplane itself holds each of the questions.
  ['reads nothing', createMute('read', (channel) => channel === 'default'), 2_000],
])('keeps nothing of clients that came and went while the backplane %s', async (_, backplane, maxBytes) => {
  const { clock, manager } = createHarness({ events, backplane })
  const comeAndGo = async (count: number) => {
    for (let index = 1; index <= count; index++) {
      const sink = new SimulatedSink(clock, 10)
      void manager.connect({ raw: Buffer.alloc(1_000), lastEventId: undefined }, sink)
      sink.destroy()
      if (index % 100 > 0) continue
      await settle()
      clock.turn()
      await settle()
    }
  }
  await comeAndGo(1_000)
  expect(manager.stats()).toMatchObject({ pendingAdmissions: 0, connections: 0 })
  const before = await heapInUse()
  await comeAndGo(5_000)
  expect(((await heapInUse()) - before) / 5_000).toBeLessThan(maxBytes)
})
