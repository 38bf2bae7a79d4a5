import { RivuletError } from '@rivulet/core'
import { development } from './development.js'

export { CallbackTimeoutError, ConfigurationError } from '@rivulet/core'

/** The server refused the stream with an HTTP status. */
export class HttpStatusError extends RivuletError {
  static override get name(): string {
    return 'HttpStatusError'
  }
  static override readonly code = 'RIVULET_HTTP_STATUS'

  constructor(
    readonly status: number,
    /** The text of the status line; empty over HTTP/2. */
    readonly statusText: string,
    /** The URL that answered, after redirects. */
    readonly url: string,
    /** The beginning of the response's body. */
    readonly body: string,
    /** The delay from `Retry-After`, in milliseconds. */
    readonly retryAfterMs: number | undefined,
  ) {
    super(
      HttpStatusError.code,
      development
        ? `${url} answered ${status}${statusText && ` ${statusText}`}.${isRetryableStatus(status) ? '' : ' The client does not retry. Check the URL and the credentials.'}`
        : '',
    )
  }
}

/** The response is not an event stream, but for example a login page. */
export class ContentTypeError extends RivuletError {
  static override get name(): string {
    return 'ContentTypeError'
  }
  static override readonly code = 'RIVULET_CONTENT_TYPE'

  constructor(
    readonly status: number,
    /** The response's `Content-Type`; `''` if it is missing. */
    readonly contentType: string,
    /** The URL that answered, after redirects. */
    readonly url: string,
    expected: string = 'text/event-stream',
  ) {
    super(
      ContentTypeError.code,
      development
        ? `${url} answered with content type ${JSON.stringify(contentType)} instead of ${expected}. Check the URL, and any proxy or login page in front of it.`
        : '',
    )
  }
}

/** The connection failed or broke: no route, refused, reset, or blocked by CORS. The `cause` may have details. */
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
      development
        ? `The connection to ${url} failed: ${messageOf(options?.cause)}. If every attempt fails, check the URL, the network and the server's CORS headers.`
        : '',
      options,
    )
  }
}

/** The server did not send response headers in time. */
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
      development
        ? `${url} sent no response headers within ${timeoutMs} ms. Make the server send them at once, or raise connectTimeoutMs.`
        : '',
    )
  }
}

/** The connection failed after a request was sent that is not idempotent. The server may have acted on it. */
export class RequestNotRepeatedError extends RivuletError {
  static override get name(): string {
    return 'RequestNotRepeatedError'
  }
  static override readonly code = 'RIVULET_REQUEST_NOT_REPEATED'

  constructor(options?: ErrorOptions) {
    super(
      RequestNotRepeatedError.code,
      development
        ? 'The request failed and is not sent again, because the server may have acted on it. Find out whether it did, or let the server recognize repeated requests and set idempotent: true.'
        : '',
      options,
    )
  }
}

/** The connection was silent for longer than the server's heartbeat allows, so it counts as dead. */
export class HeartbeatTimeoutError extends RivuletError {
  static override get name(): string {
    return 'HeartbeatTimeoutError'
  }
  static override readonly code = 'RIVULET_HEARTBEAT_TIMEOUT'

  constructor(
    /** The length of the silence, in milliseconds. */
    readonly idleMs: number,
  ) {
    super(
      HeartbeatTimeoutError.code,
      development
        ? `No data arrived for ${idleMs} ms, longer than the server's heartbeat allows. If the network is slow, raise heartbeatMarginMs.`
        : '',
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
    /** The server's reason, if it gave one. */
    readonly reason?: string,
    /** `true` if the client should reconnect. If `false`, the stream is closed, and only `connect()` opens it again. */
    readonly retry: boolean = true,
  ) {
    super(
      StreamClosedByServerError.code,
      development
        ? `The server ended the stream${reason === undefined ? '' : `: ${reason}`}.${retry ? '' : ' To open it again, call connect().'}`
        : '',
    )
  }
}

/** The server did not change the channels of the stream, which keeps those that it has. */
export class ChannelsRefusedError extends RivuletError {
  static override get name(): string {
    return 'ChannelsRefusedError'
  }
  static override readonly code = 'RIVULET_CHANNELS_REFUSED'
  /** The status of the refusal; `undefined` if the stream cannot be changed, or the server failed. */
  readonly status: number | undefined

  constructor(
    /** The names that were asked for, sorted. */
    readonly channels: readonly string[],
    reason: string,
    cause?: unknown,
  ) {
    super(ChannelsRefusedError.code, development ? `The stream keeps its channels: ${reason}` : '', { cause })
    this.status = cause instanceof HttpStatusError ? cause.status : undefined
  }
}

/** A loop read an iterator with `overflow: 'error'` too slowly. */
export class IteratorOverflowError extends RivuletError {
  static override get name(): string {
    return 'IteratorOverflowError'
  }
  static override readonly code = 'RIVULET_ITERATOR_OVERFLOW'

  constructor(readonly bufferSize: number) {
    super(
      IteratorOverflowError.code,
      development
        ? `More than ${bufferSize} events are waiting in the iterator. Read faster, raise bufferSize, or choose another overflow policy.`
        : '',
    )
  }
}

/** Recognizes statuses of temporary failures. All others are final, except 401. */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500
}

/** Returns the message of an error, or the text of anything else that was thrown. */
export function messageOf(thrown: unknown): string {
  return textBy(() => (thrown instanceof Error ? thrown.message : thrown))
}

/** Returns the text of anything that was thrown: of an error, its name and message. */
export function textOf(thrown: unknown): string {
  return textBy(() => thrown)
}

/** Foreign values may throw when they are read, and some have no text. */
function textBy(read: () => unknown): string {
  try {
    return String(read())
  } catch {
    return 'unknown error'
  }
}
