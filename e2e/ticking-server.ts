import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventStreamService, type EventStreamServiceOptions } from '@rivulet/client'
import { defineEvents, type GapEvent } from '@rivulet/core'
import { EventManager, type Retention } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { z } from 'zod'

export const events = defineEvents({ tick: z.object({ n: z.number() }) })

/** A server with numbered events, so that a client knows exactly which ones it has. */
export class TickingServer {
  readonly errors: unknown[] = []
  /** Number of the latest event. */
  published = 0
  readonly #manager: EventManager<typeof events>
  readonly #server = createServer((request, response) => void handleEventStream(this.#manager, request, response))
  #timer: NodeJS.Timeout | undefined

  constructor(retention: Retention) {
    this.#manager = new EventManager({
      events,
      retention,
      retryMs: 250,
      heartbeat: { intervalMs: 1_000 },
      onError: (error) => this.errors.push(error),
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get connections(): number {
    return this.#manager.connections.size
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  /**
   * Publishes events for this long. Resolves after the last one. Busy processes call timers late, so the rate falls to
   * what this one can carry: its clients are never behind because of its load alone.
   */
  tick(seconds: number, perSecond: number): Promise<void> {
    const endAt = performance.now() + seconds * 1_000
    return new Promise((resolve) => {
      this.#timer = setInterval(() => {
        this.published++
        this.#manager.emit('tick', { n: this.published })
        if (performance.now() < endAt) return
        clearInterval(this.#timer)
        resolve()
      }, 1_000 / perSecond)
    })
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#manager.close()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** A client that compares each event with the expected one, and keeps none. */
export class TickingClient {
  readonly stream: EventStreamService<typeof events>
  readonly gaps: GapEvent[] = []
  /** Events that were not the expected ones, and the number of gaps so far. */
  readonly mistakes: { expected: number; received: number; gaps: number }[] = []
  /** Number of the last event. */
  received = 0
  /** Number of events. */
  count = 0
  opened = 0

  /** @param first Number of the first expected event; `any` for a client that connects later. */
  constructor(
    url: string,
    options: Omit<EventStreamServiceOptions<typeof events>, 'url' | 'events'> = {},
    first: number | 'any' = 1,
  ) {
    let expected = first
    this.stream = new EventStreamService({
      url,
      events,
      heartbeatMarginMs: 500,
      connectTimeoutMs: 2_000,
      retry: { maxMs: 1_000 },
      ...options,
    })
    this.stream.on('tick', ({ n }) => {
      if (expected !== 'any' && n !== expected) this.mistakes.push({ expected, received: n, gaps: this.gaps.length })
      expected = n + 1
      this.received = n
      this.count++
    })
    this.stream.onGap((gap) => this.gaps.push(gap))
    this.stream.onStatusChange(({ status }, previous) => {
      if (status === 'open' && previous.status !== 'open') this.opened++
    })
    // Failures are expected; only their consequences count.
    this.stream.onError(() => {})
    this.stream.connect()
  }

  close(): void {
    this.stream.close()
  }
}
