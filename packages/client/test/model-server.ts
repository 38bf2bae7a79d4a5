import { encodeControlEvent } from '@rivulet/core'
import type { FakeClock } from '../../testing/src/fake-clock.js'
import type { FakeTab } from './fake-tabs.js'
import { frame, openFrame } from './sse-server.js'

/** In-process event server. Its network has a delay, and stops for a frozen tab. */
export class ModelServer {
  /** True if IDs are positions of Rivulet's server, false if opaque. */
  readonly positioned: boolean
  /** Number of the last event. */
  last = 0
  requests = 0
  readonly #clock: FakeClock
  readonly #keep: number
  #history: { n: number; id: string; text: string }[] = []
  readonly #connections = new Set<(text: string) => void>()

  constructor(clock: FakeClock, { positioned, keep }: { positioned: boolean; keep: number }) {
    this.#clock = clock
    this.#keep = keep
    this.positioned = positioned
  }

  get connections(): number {
    return this.#connections.size
  }

  /** Sends the next event. An event without an ID is not kept. */
  publish(withId = true): void {
    const n = ++this.last
    const id = withId ? this.idOf(n) : undefined
    const text = frame('tick', { n, kept: withId }, id)
    if (id !== undefined) this.#history.push({ n, id, text })
    if (this.#history.length > this.#keep) this.#history.shift()
    for (const send of this.#connections) send(text)
  }

  /** Makes the `fetch` of one tab. */
  fetchOf(tab: FakeTab): typeof fetch {
    return (_, init) =>
      new Promise((resolve, reject) => {
        this.requests++
        const cursor = (init!.headers as Headers).get('last-event-id') ?? undefined
        const signal = init!.signal!
        signal.addEventListener('abort', () => reject(signal.reason))
        this.#later(() => {
          if (signal.aborted || tab.state === 'crashed') return
          const body = this.#open(cursor, tab, signal)
          tab.enter('network', () => resolve(response(body)))
        })
      })
  }

  #open(cursor: string | undefined, tab: FakeTab, signal: AbortSignal): ReadableStream<Uint8Array> {
    const bytes = new TextEncoder()
    let controller: ReadableStreamDefaultController<Uint8Array>
    const body = new ReadableStream<Uint8Array>({
      start(given) {
        controller = given
      },
    })
    const send = (text: string) => {
      if (tab.state === 'crashed') this.#connections.delete(send)
      this.#later(() =>
        tab.enter('network', () => {
          if (!signal.aborted) controller.enqueue(bytes.encode(text))
        }),
      )
    }
    this.#connections.add(send)
    signal.addEventListener('abort', () => this.#connections.delete(send))
    send(this.#beginning(cursor))
    return body
  }

  /** Frames that a connection with this cursor gets before newly published events. */
  #beginning(cursor: string | undefined): string {
    const at = this.#history.findIndex(({ id }) => id === cursor)
    const missed = cursor === undefined ? [] : this.#history.slice(at + 1)
    const recovered = cursor === undefined ? null : at >= 0
    const gap = recovered === false ? encodeControlEvent({ type: 'rivulet:gap', reason: 'trimmed' }) : ''
    const open = this.positioned ? openFrame({ heartbeatMs: 0, recovered }) + gap : ''
    return open + missed.map(({ text }) => text).join('')
  }

  /** Returns a rising base-36 position, or an opaque ID. */
  idOf(n: number): string {
    return this.positioned ? n.toString(36) : `${(n * 7_919) % 1_000_003}`
  }

  /** Delays a message. The delay is constant, so messages arrive in order. */
  #later(callback: () => void): void {
    this.#clock.setTimeout(callback, 20)
  }
}

function response(body: ReadableStream<Uint8Array>): Response {
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}
