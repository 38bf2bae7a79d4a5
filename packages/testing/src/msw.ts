import type { EventContract } from '@rivulet/core'
import { type HttpHandler, http, type Path } from 'msw'
import { FakeServer, type FakeServerOptions } from './fake-server.js'

/** A stream that msw answers with: its server's side, and the handler for `setupServer` or `setupWorker`. */
export class MockEventStream<Contract extends EventContract> extends FakeServer<Contract> {
  /** Answers requests of any method to the path. */
  readonly handler: HttpHandler

  constructor(path: Path, events: Contract, options?: FakeServerOptions) {
    super(events, options)
    this.handler = http.all(path, ({ request }) => {
      const { url, method, headers, signal } = request
      const lastEventId = headers.get('last-event-id') ?? new URL(url).searchParams.get('lastEventId') ?? ''
      return this.respond({ url, method, headers, lastEventId }, signal)
    })
  }
}

/**
 * Mocks a stream with msw: the whole application runs, its client included, and the test pushes events typed by the contract.
 *
 * Unlike a {@link FakeServer} that is read directly, msw hands bytes on by itself: what `push` returns settles when msw
 * has taken the event, and a test waits for what it expects to see.
 *
 * @example
 * const stream = mockEventStream('/events', events)
 * const server = setupServer(stream.handler)
 * await stream.push(events.log, { level: 'info', message: 'hello' })
 */
export function mockEventStream<Contract extends EventContract>(
  path: Path,
  events: Contract,
  options?: FakeServerOptions,
): MockEventStream<Contract> {
  return new MockEventStream(path, events, options)
}
