import type { EventContract } from '@rivulet/core'
import { type HttpHandler, http, type Path } from 'msw'
import { FakeServer, type FakeServerOptions } from './fake-server.js'

/** The server's side of a mocked stream, with the handler for `setupServer` or `setupWorker`. */
export class MockEventStream<Contract extends EventContract> extends FakeServer<Contract> {
  /** Answers requests of any method to the path. */
  readonly handler: HttpHandler
  /** Answers changes of channels: a POST to the path followed by `/control`. A regular expression must match both addresses. */
  readonly controlHandler: HttpHandler

  constructor(path: Path, events: Contract, options?: FakeServerOptions) {
    super(events, options)
    this.handler = http.all(path, ({ request }) => {
      const { url, method, headers, signal } = request
      const lastEventId = headers.get('last-event-id') ?? new URL(url).searchParams.get('lastEventId') ?? ''
      return this.respond({ url, method, headers, lastEventId }, signal)
    })
    this.controlHandler = http.post(path instanceof RegExp ? path : `${path}/control`, async ({ request }) => {
      const { url, method, headers } = request
      return this.respond({ url, method, headers, lastEventId: '', body: await request.text() })
    })
  }
}

/**
 * Mocks a stream with msw: the whole application runs, including its client, and the test pushes events typed by the contract.
 *
 * msw passes bytes on by itself. Unlike with a {@link FakeServer} that is read directly, `push` settles when msw has
 * taken the event, and a test has to wait for the result that it expects.
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
