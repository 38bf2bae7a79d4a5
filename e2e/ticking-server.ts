import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventStreamService, type EventStreamServiceOptions } from '@rivulet/client'
import { defineEvents, type GapEvent } from '@rivulet/core'
import { EventManager, type Retention } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { z } from 'zod'

export const events = defineEvents({ tick: z.object({ n: z.number() }) })

/** A server whose events are numbered, so that a client can tell exactly what it has. */
export class TickingServer {
  readonly errors: unknown[] = []
  /** The number of the event published last. */
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

  /** Publishes so many events, at a steady rate. Resolves after the last one. */
  tick(count: number, perSecond: number): Promise<void> {
    const last = this.published + count
    return new Promise((resolve) => {
      this.#timer = setInterval(() => {
        this.published++
        this.#manager.emit('tick', { n: this.published })
        if (this.published < last) return
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

/** A client that checks what it gets against what comes next, and keeps nothing of it. */
export class TickingClient {
  readonly stream: EventStreamService<typeof events>
  readonly gaps: GapEvent[] = []
  /** Where an event came that was not the next one. */
  readonly mistakes: { expected: number; received: number }[] = []
  received = 0
  opened = 0

  /** @param first The number of the first event; 'any' for a client that comes later. */
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
      if (expected !== 'any' && n !== expected) this.mistakes.push({ expected, received: n })
      expected = n + 1
      this.received = n
    })
    this.stream.onGap((gap) => this.gaps.push(gap))
    this.stream.onStatusChange(({ status }, previous) => {
      if (status === 'open' && previous.status !== 'open') this.opened++
    })
    // Failures are what these clients are for; where they lead is what counts.
    this.stream.onError(() => {})
    this.stream.connect()
  }

  close(): void {
    this.stream.close()
  }
}
