import { EventStreamService, type EventStreamServiceOptions } from '@rivulet/client'
import { flushFrame } from '@rivulet/client/binding'
import type { EventContract } from '@rivulet/core'
import { FakeClock } from './fake-clock.js'
import { FakeServer, type FakeServerOptions } from './fake-server.js'

export interface FakeStreamOptions<Contract extends EventContract> extends Omit<FakeServerOptions, 'now'> {
  /** Options of the service, except those that make it a fake. */
  client?: Partial<Omit<EventStreamServiceOptions<Contract>, 'events' | 'fetch' | 'clock'>>
}

/**
 * A real `EventStreamService` whose server and clock the test controls: nothing goes over a network, and no time passes by
 * itself.
 *
 * @example
 * const fake = new FakeStream(events)
 * render(<SSEProvider service={fake.service}><Log /></SSEProvider>)
 * await act(() => fake.push(events.log, { level: 'info', message: 'hello' }))
 * await act(() => fake.drop())
 * await act(() => fake.retry())
 */
export class FakeStream<Contract extends EventContract> extends FakeServer<Contract> {
  /** The client's side. It connects when told to, as usual. */
  readonly service: EventStreamService<Contract>
  /** The service's clock. */
  readonly clock: FakeClock
  /** The service's `fetch`. Give it, with `clock`, to a service or provider that a test creates itself. */
  readonly fetch: typeof fetch

  constructor(events: Contract, { client = {}, ...options }: FakeStreamOptions<Contract> = {}) {
    const clock = new FakeClock()
    super(events, { ...options, now: () => clock.now() })
    this.clock = clock
    this.fetch = (input, init) => {
      const url = new URL(typeof input === 'object' && 'url' in input ? input.url : input)
      const headers = new Headers(init?.headers)
      const lastEventId = headers.get('last-event-id') ?? url.searchParams.get('lastEventId') ?? ''
      const { method = 'GET', body, signal } = init ?? {}
      const text = typeof body === 'string' ? body : undefined
      return this.respond({ url: url.href, method, headers, lastEventId, body: text }, signal)
    }
    this.service = new EventStreamService<Contract>({
      url: 'http://fake.test/events',
      ...client,
      events,
      fetch: this.fetch,
      clock,
    })
  }

  /** Connects the service. Settles when the stream is open and earlier pushes have arrived. */
  async connect(): Promise<void> {
    this.service.connect()
    await this.#leave('connecting')
    await this.message({ comment: 'ready' })
  }

  /** Breaks the connection. Settles when the service has noticed; it then waits for `retry()`. */
  override async drop(): Promise<void> {
    super.drop()
    await this.#leave('open')
  }

  /** Advances the clock to the service's next attempt. Settles when that attempt has been answered. */
  async retry(): Promise<void> {
    const { retryAt } = this.service.state
    if (retryAt === undefined) return
    this.clock.advance(retryAt - this.clock.now())
    await this.#leave('connecting')
    await this.message({ comment: 'ready' })
  }

  /**
   * Renders the updates that components hold back until the next frame. Read the page in the next line, with React after
   * `act(() => fake.flush())`, with Vue after `await nextTick()`.
   */
  flush(): void {
    flushFrame()
  }

  async #leave(status: string): Promise<void> {
    if (this.service.status !== status) return
    await new Promise<void>((resolve) => {
      const stop = this.service.onStatusChange((state) => {
        if (state.status === status) return
        stop()
        resolve()
      })
    })
  }
}
