import { RivuletError } from '@rivulet/core'

export { CallbackTimeoutError, ConfigurationError } from '@rivulet/core'

/** The server answered with a status that opens no stream. */
export class HttpStatusError extends RivuletError {
  static override get name(): string {
    return 'HttpStatusError'
  }
  static override readonly code = 'RIVULET_HTTP_STATUS'

  constructor(
    readonly status: number,
    /** The status line's words; empty over HTTP/2. */
    readonly statusText: string,
    /** The URL that answered, after redirects. */
    readonly url: string,
    /** The beginning of the response's body. */
    readonly body: string,
    /** How long the server asked to wait, by `Retry-After`. */
    readonly retryAfterMs: number | undefined,
  ) {
    super(
      HttpStatusError.code,
      `The event stream ${url} answered ${status}${statusText && ` ${statusText}`}${isRetryableStatus(status) ? '' : ', which is final. Correct the URL, or what the server needs to accept the request'}.`,
    )
  }
}

/** The server answered with something else than an event stream: a login page, for example. */
export class ContentTypeError extends RivuletError {
  static override get name(): string {
    return 'ContentTypeError'
  }
  static override readonly code = 'RIVULET_CONTENT_TYPE'

  constructor(
    readonly status: number,
    /** The response's `Content-Type`, or the empty string. */
    readonly contentType: string,
    /** The URL that answered, after redirects. */
    readonly url: string,
  ) {
    super(
      ContentTypeError.code,
      `The URL ${url} answered with content type ${JSON.stringify(contentType)} instead of text/event-stream. Correct the URL, or look for what answers in the server's place.`,
    )
  }
}

/** The connection could not be made, or broke: no route, refused, reset, or not allowed by CORS (the cause may say). */
export class ConnectionError extends RivuletError {
  static override get name(): string {
    return 'ConnectionError'
  }
  static override readonly code = 'RIVULET_CONNECTION'

  constructor(
    readonly url: string,
    options?: ErrorOptions,
  ) {
    super(
      ConnectionError.code,
      `The connection to ${url} failed: ${messageOf(options?.cause)}. If no attempt succeeds, check the address, the network and the server's CORS headers.`,
      options,
    )
  }
}

/** The server did not answer in time. */
export class ConnectTimeoutError extends RivuletError {
  static override get name(): string {
    return 'ConnectTimeoutError'
  }
  static override readonly code = 'RIVULET_CONNECT_TIMEOUT'

  constructor(
    readonly url: string,
    readonly timeoutMs: number,
  ) {
    super(
      ConnectTimeoutError.code,
      `The event stream ${url} sent no response headers within ${timeoutMs} ms. Have the server send them at once, or raise connectTimeoutMs.`,
    )
  }
}

/** Nothing came for longer than the server's heartbeat allows: the connection is dead, though no one said so. */
export class HeartbeatTimeoutError extends RivuletError {
  static override get name(): string {
    return 'HeartbeatTimeoutError'
  }
  static override readonly code = 'RIVULET_HEARTBEAT_TIMEOUT'

  constructor(
    /** How long nothing came. */
    readonly idleMs: number,
  ) {
    super(
      HeartbeatTimeoutError.code,
      `Nothing came for ${idleMs} ms, longer than the server's heartbeat allows. The stream reconnects; raise heartbeatMarginMs if the network is only slow.`,
    )
  }
}

/** The server ended the stream. */
export class StreamClosedByServerError extends RivuletError {
  static override get name(): string {
    return 'StreamClosedByServerError'
  }
  static override readonly code = 'RIVULET_CLOSED_BY_SERVER'

  constructor(
    /** Why, in the server's words, where it said so. */
    readonly reason?: string,
    /** Whether the server wants the client back. If not, the stream is closed, and only `connect()` opens it again. */
    readonly retry: boolean = true,
  ) {
    super(
      StreamClosedByServerError.code,
      `The server ended the stream${reason === undefined ? '' : `: ${reason}`}.${retry ? '' : ' It does not want the client to come back; connect() tries all the same.'}`,
    )
  }
}

/** An iterator with `overflow: 'error'` was read too slowly. */
export class IteratorOverflowError extends RivuletError {
  static override get name(): string {
    return 'IteratorOverflowError'
  }
  static override readonly code = 'RIVULET_ITERATOR_OVERFLOW'

  constructor(readonly bufferSize: number) {
    super(
      IteratorOverflowError.code,
      `More than ${bufferSize} events wait to be read from the iterator. Read faster, raise bufferSize, or choose another overflow policy.`,
    )
  }
}

/** Statuses that may pass by themselves; any other but 401 is final. */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500
}

export function messageOf(cause: unknown): string {
  try {
    return cause instanceof Error ? cause.message : String(cause)
  } catch {
    return 'of a reason that is no text'
  }
}
