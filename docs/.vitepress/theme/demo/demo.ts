import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { eventStreamResponse } from '@rivulet/server/web'

/** A handwritten schema: a validation library would be too much to load for one number. */
const ordered = {
  '~standard': {
    version: 1,
    vendor: 'demo',
    validate: (value: unknown) => ({ value: value as { order: number } }),
    types: undefined as { input: { order: number }; output: { order: number } } | undefined,
  },
} as const

const events = defineEvents({ order: ordered })

/** Number of events that the demonstration's server keeps. */
export const keptEvents = 5

/** One line of the page: an event or a gap that it received. */
export type Line = { kind: 'event'; order: number } | { kind: 'gap' }

export interface DemoState {
  /** The orders that the server keeps, oldest first. */
  readonly kept: readonly number[]
  readonly lines: readonly Line[]
  /** `true` if the last reconnect resumed without a gap. `undefined` before the first cut. */
  readonly recovered: boolean | undefined
  readonly cut: boolean
}

/** Runs a Rivulet server and client in one page, with a network between them that can be cut. */
export class Demo {
  readonly stream: EventStreamService<typeof events>
  readonly #manager = new EventManager({ events, retention: { maxEvents: keptEvents }, heartbeat: false })
  readonly #onChange: (state: DemoState) => void
  #state: DemoState = { kept: [], lines: [], recovered: undefined, cut: false }
  #published = 0
  #network = new AbortController()

  constructor(onChange: (state: DemoState) => void) {
    this.#onChange = onChange
    this.stream = new EventStreamService({
      url: 'https://demo.invalid/events',
      events,
      fetch: (url, init) => this.#fetch(url, init),
    })
    this.stream.on('order', ({ order }) => this.#add({ kind: 'event', order }))
    this.stream.onGap(() => this.#add({ kind: 'gap' }))
    this.stream.onStatusChange(({ status, recovered }) => {
      if (status === 'open' && recovered !== null) this.#change({ recovered })
    })
    // The cut is intended, and the page shows it.
    this.stream.onError(() => {})
    this.stream.connect()
  }

  async publish(): Promise<void> {
    const order = ++this.#published
    await this.#manager.publish('order', { order })
    this.#change({ kept: [...this.#state.kept, order].slice(-keptEvents) })
  }

  cut(): void {
    this.#change({ cut: true })
    this.#network.abort(new TypeError('The connection was cut.'))
  }

  restore(): void {
    this.#network = new AbortController()
    this.#change({ cut: false })
    this.stream.reconnect()
  }

  async close(): Promise<void> {
    this.stream.close()
    await this.#manager.close()
  }

  async #fetch(url: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const network = this.#network.signal
    network.throwIfAborted()
    const response = await eventStreamResponse(this.#manager, new Request(url, init))
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    response.body!.pipeTo(writable, { signal: network }).catch(() => {})
    return new Response(readable, { status: response.status, headers: response.headers })
  }

  #add(line: Line): void {
    this.#change({ lines: [...this.#state.lines, line].slice(-12) })
  }

  #change(change: Partial<DemoState>): void {
    this.#state = { ...this.#state, ...change }
    this.#onChange(this.#state)
  }
}
