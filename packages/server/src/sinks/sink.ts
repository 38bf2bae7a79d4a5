import type { Payload } from './payload.js'

/** Whom a sink tells what happens to it. */
export interface SinkListener {
  /** Nothing is buffered any more, after a `write` that returned false. */
  onDrain(): void
  /** The response is over, whoever ended it. Called once. */
  onClose(): void
}

/** The answer to a request that gets no stream. */
export interface Refusal {
  /**
   * The HTTP status, 204 or 300 to 599: after 401 the client fetches a new credential and comes back, after 403 it gives up, …
   * To a sink it may also be 200, with a whole event stream as the message.
   */
  readonly status: number
  /** The body of the response, as plain text. */
  readonly message?: string | undefined
  /** By name. A sink gets the names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * The response to one request, for one HTTP implementation.
 *
 * A sink MUST NOT throw because the other end has gone; it tells its listener. It calls the listener only after
 * `attach`, and never from inside one of its own methods.
 */
export interface Sink {
  /** How many bytes were written and have not gone out. */
  readonly bufferedBytes: number
  /** Whether the response is over. */
  readonly closed: boolean
  /**
   * Waits behind an unfinished response on the same connection. Nothing is sent before that ends, and a stream never
   * does, so such a request is refused. @default false
   */
  readonly queued?: boolean
  /** Called once, before anything else is sent, and before it is known whether there will be a stream. */
  attach(listener: SinkListener): void
  /**
   * Answers with something other than a stream.
   * @param leave As for `end`.
   * @throws when no response can have that status or those headers; it may be called again then.
   */
  refuse(refusal: Refusal, leave?: boolean): void
  /** Sends status 200 and the headers of an event stream. */
  open(): void
  /** Runs a function, and sends what it has written here in one: fewer system calls. Left out where that gains nothing. */
  together?(write: () => void): void
  /** Returns false when the bytes could not all go out at once: `onDrain` follows. They are kept all the same. */
  write(payload: Payload): boolean
  /**
   * Ends the response after what was written.
   * @param leave The server goes away: the connection under the response is not to be used again.
   */
  end(leave: boolean): void
  /**
   * Ends it now. It may be called after `end`, also when the response is over.
   * @param leave Ends the connection under it now, too.
   */
  destroy(leave?: boolean): void
}

/** The headers of every stream. `no-transform` and `X-Accel-Buffering` keep proxies from collecting events. */
export const streamHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}
