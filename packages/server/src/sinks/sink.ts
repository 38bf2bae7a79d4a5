import type { Payload } from './payload.js'

/** Receives the events of a sink. */
export interface SinkListener {
  /** The buffer is empty again after a `write` that returned false. */
  onDrain(): void
  /** The response has ended, on either side. Called once. */
  onClose(): void
}

/** The answer to a request that gets no stream. */
export interface Refusal {
  /**
   * The HTTP status, 204 or 300 to 599. After 401 the client reconnects with a new credential, after 403 it gives up.
   * A sink also accepts 200, with a whole event stream as the message.
   */
  readonly status: number
  /** The body of the response, as plain text. */
  readonly message?: string | undefined
  /** More headers. The names that a sink gets are in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * The response to one request, for one HTTP implementation.
 *
 * A sink MUST NOT throw because the client has left: it calls its listener instead. It MUST NOT call the listener before
 * `attach`, nor from inside one of its own methods.
 */
export interface Sink {
  /** The number of bytes that were written but not yet sent. */
  readonly bufferedBytes: number
  /** True once the response has ended. */
  readonly closed: boolean
  /**
   * True while the response waits behind an unfinished one on the same connection. Nothing can be sent until that one
   * ends, which a stream may never do, so the request is refused. @default false
   */
  readonly queued?: boolean
  /** True if something between the sink and the client encodes the body, such as middleware that compresses. @default false */
  readonly encoded?: boolean
  /** Sets the listener. Called once, before `refuse` or `open`. */
  attach(listener: SinkListener): void
  /** Replaces the listener by one that it passed everything on to, so that the memory of the first one is freed. Optional. */
  relisten?(listener: SinkListener): void
  /**
   * Answers with a refusal instead of a stream.
   * @param leave As for `end`.
   * @throws if the status or a header is not valid in HTTP. The caller may then try another refusal.
   */
  refuse(refusal: Refusal, leave?: boolean): void
  /**
   * Sends status 200 and the headers of an event stream.
   * @param headers More headers, with names in lower case. They replace those that the response has; `vary` is added to its own.
   */
  open(headers?: Readonly<Record<string, string>>): void
  /**
   * Runs `write` and sends everything that it wrote in one system call. Meanwhile the sink's own `write` judges only the
   * amount. Returns false if bytes had to be buffered, as `write` does. Optional: omit it if it saves nothing.
   */
  together?(write: () => void): boolean
  /** Sends or buffers a payload. Returns false if bytes had to be buffered: `onDrain` follows when they are sent. */
  write(payload: Payload): boolean
  /**
   * Ends the response once everything written is sent.
   * @param leave True if the server is shutting down: the connection must not be reused for another request.
   */
  end(leave: boolean): void
  /**
   * Ends the response at once and drops its buffer. May be called after `end`, and after the response has ended.
   * @param leave Also ends the underlying connection at once.
   */
  destroy(leave?: boolean): void
}

/** The headers of every stream. `no-transform` and `X-Accel-Buffering` keep proxies from holding events back. */
export const streamHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}
