import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { EventManager, type EventStreamOptions } from '@rivulet/server'
import { handleEventStream, handleStreamControl } from '@rivulet/server/node'
import { expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { randomFrom } from '../test-support/random.js'
import { TcpProxy } from '../test-support/tcp-proxy.js'

const events = defineEvents({ tick: z.object({ n: z.number() }) })
const names = ['a', 'b', 'c', 'd', 'e', 'f']

/** A server whose streams change, behind a proxy that can break connections. */
async function start(replay: number) {
  const manager = new EventManager({ events, heartbeat: false, retention: { maxEvents: 1_000_000 } })
  const route: EventStreamOptions<unknown, undefined, typeof events> = {
    // One that every stream has, and those that the client asks for.
    channels: (_request, _context, { requested = [] }) => ['user', ...requested],
    replay,
    changeable: true,
  }
  const server = createServer((request, response) => {
    if (request.method === 'POST') void handleStreamControl(manager, request, response, route)
    else void handleEventStream(manager, request, response, route)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy = await TcpProxy.start((server.address() as AddressInfo).port)
  onTestFinished(async () => {
    await manager.close()
    proxy.dispose()
    server.close()
    server.closeAllConnections()
  })
  return { manager, proxy, url: `http://127.0.0.1:${proxy.port}/events` }
}

/** Checks what a stream delivers: on each channel, once and in order, from the beginning each time that it is added. */
class Reader {
  readonly stream: EventStreamService<typeof events>
  readonly last = new Map<string, number>()
  readonly problems: string[] = []
  /** The number of times that a channel may begin anew: it was not wanted that many times. */
  readonly #left = new Map<string, number>()
  replayed = 0

  constructor(url: string) {
    this.stream = new EventStreamService({ url, events, channels: [], retry: { initialMs: 250 } })
    this.stream.onError(() => {})
    this.stream.onGap(({ channel, reason }) => void this.problems.push(`gap: ${channel} ${reason}`))
    this.stream.on(events.tick, ({ n, channel = 'default', replayed }) => {
      if (replayed) this.replayed++
      const last = this.last.get(channel) ?? 0
      if (n !== last + 1) {
        const left = this.#left.get(channel) ?? 0
        if (n !== 1 || left === 0) this.problems.push(`${channel}: ${n} after ${last}`)
        this.#left.set(channel, left - 1)
      }
      this.last.set(channel, n)
    })
    onTestFinished(() => this.stream.close())
  }

  set(wanted: readonly string[]): Promise<void> {
    for (const name of names) if (!wanted.includes(name)) this.#left.set(name, (this.#left.get(name) ?? 0) + 1)
    return this.stream.setChannels(wanted)
  }
}

it.each([
  ['on a stable network', false],
  ['over a network that breaks', true],
])(
  'a stream that changes 20 times a second under load loses and doubles nothing, %s',
  { timeout: 120_000 },
  async (_, breaks) => {
    const random = randomFrom(7)
    const some = () => names.filter(() => random() < 0.5)
    const { manager, proxy, url } = await start(1_000_000)
    const readers = [new Reader(url), new Reader(url)]
    for (const { stream } of readers) stream.connect()
    await vi.waitFor(() => expect(readers.map(({ stream }) => stream.status)).toEqual(['open', 'open']))
    const counts = new Map<string, number>()
    const publish = (channel: string) => {
      const n = (counts.get(channel) ?? 0) + 1
      counts.set(channel, n)
      return manager.channel(channel).publish('tick', { n })
    }
    for (let round = 0; round < 100; round++) {
      const paced = new Promise((resolve) => setTimeout(resolve, 50))
      for (const reader of readers) void reader.set(some())
      if (breaks && random() < 0.05) {
        if (random() < 0.3) proxy.swallow()
        proxy.cut()
        proxy.mend()
      }
      for (let burst = 0; burst < 10; burst++) {
        await Promise.all(Array.from({ length: 4 }, () => publish(names[Math.floor(random() * names.length)]!)))
        if (burst % 5 === 0) await publish('user')
      }
      await paced
    }
    const wanted = ['a', 'c', 'f']
    for (const reader of readers) await reader.set(wanted)
    for (const channel of [...wanted, 'user']) await publish(channel)
    for (const reader of readers) {
      await vi.waitFor(
        () => {
          for (const channel of [...wanted, 'user']) expect(reader.last.get(channel)).toBe(counts.get(channel))
        },
        { timeout: 30_000 },
      )
      expect(reader.problems).toEqual([])
      expect(reader.replayed).toBeGreaterThan(100)
    }
  },
)
