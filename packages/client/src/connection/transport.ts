import type { Clock } from '@rivulet/core'
import { development } from '../runtime/development.js'
import {
  ConfigurationError,
  ConnectionError,
  ConnectTimeoutError,
  ContentTypeError,
  HttpStatusError,
  StreamClosedByServerError,
} from '../runtime/errors.js'
import { ask } from '../runtime/guard.js'
import { isIdempotent, prepareRequest, type RequestOptions } from './request.js'

// Sends one request and checks its response: the status, the content type, and `Retry-After`, which it parses.

/** A readable response, or `undefined` for 204: the stream is complete. */
export type StreamResponse =
  | {
      readonly url: string
      readonly body: ReadableStream<Uint8Array> | null
      /** The address of what the request has made, if the server named one. */
      readonly location: string | undefined
    }
  | undefined

/** Context of one attempt to connect. */
export interface Attempt {
  readonly clock: Clock
  /** Aborts when the attempt is abandoned. */
  readonly signal: AbortSignal
  /** The cursor to continue from; `''`: begin at the present. */
  readonly lastEventId: string
  /** The channels to ask for; `undefined`: whatever the server chooses. */
  readonly channels?: readonly string[] | undefined
  /** Called just before the request is sent. From then on, the server may act on it. */
  onSend(idempotent: boolean): void
}

/**
 * Makes one request and checks that the response is an event stream.
 *
 * @throws one of the client's error classes, or an error of the options' functions.
 */
export async function openStream(options: RequestOptions, attempt: Attempt): Promise<StreamResponse> {
  const { clock, signal } = attempt
  const patience = { clock, signal, timeoutMs: options.callbackTimeoutMs ?? 10_000 }
  const { url, init } = await prepareRequest(options, attempt.lastEventId, patience, attempt.channels)
  const { idempotent = isIdempotent(init.method) } = options
  const { connectTimeoutMs: timeoutMs = idempotent ? 30_000 : 0 } = options
  const send = async (): Promise<Response> => {
    const response = await (options.fetch ?? fetch)(url, init)
    // A replacement for fetch may ignore signals.
    if (signal.aborted) response?.body?.cancel().catch(() => {})
    return response
  }
  attempt.onSend(idempotent)
  const response = await ask(
    'fetch',
    send,
    { clock, signal, timeoutMs },
    () => new ConnectTimeoutError(url, timeoutMs),
  ).catch((cause) => {
    throw cause instanceof ConnectTimeoutError ? cause : new ConnectionError(url, { cause })
  })
  const opened = await check(response, url, options, attempt)
  // A GET has made nothing. Its `Content-Location` names a variant of the same stream.
  const location = (init.method !== 'GET' && response.headers.get('content-location')) || undefined
  return opened && { ...opened, location }
}

/**
 * Reads a body to its end. `onChunk` gets each chunk. If it returns a promise, reading pauses until the promise settles.
 *
 * @throws {ConnectionError} when the connection breaks.
 * @throws {StreamClosedByServerError} at the end of the body, because an event stream has no end of its own.
 */
export async function readStream(
  response: NonNullable<StreamResponse>,
  signal: AbortSignal,
  onChunk: (chunk: Uint8Array) => Promise<void> | undefined,
): Promise<never> {
  const reader = response.body?.getReader()
  // The signal cancels the body of the built-in fetch, but perhaps not that of a replacement.
  const cancel = () => void reader?.cancel().catch(() => {})
  if (signal.aborted) cancel()
  else signal.addEventListener('abort', cancel, { once: true })
  for (;;) {
    let result: ReadableStreamReadResult<Uint8Array> | undefined
    try {
      result = await reader?.read()
    } catch (cause) {
      throw new ConnectionError(response.url, { cause })
    }
    if (!result || result.done) throw new StreamClosedByServerError()
    const ready = onChunk(result.value)
    if (ready) await ready
  }
}

async function check(
  response: Response,
  requested: string,
  options: RequestOptions,
  attempt: Attempt,
): Promise<Omit<NonNullable<StreamResponse>, 'location'> | undefined> {
  if (typeof response?.headers?.get !== 'function') {
    throw new ConfigurationError('fetch', options.fetch, development ? 'It must return a Response.' : '')
  }
  const { status, body } = response
  const url = response.url || requested
  if (status === 204) return undefined
  if (status !== 200) {
    const retryAfterMs = parseRetryAfter(response.headers, attempt.clock.now())
    throw new HttpStatusError(status, response.statusText, url, await beginningOf(body, attempt), retryAfterMs)
  }
  const contentType = response.headers.get('content-type') ?? ''
  if (!/^[\t ]*text\/event-stream[\t ]*(;|$)/i.test(contentType)) {
    throw new ContentTypeError(status, contentType, url)
  }
  if (body === undefined || (body && !body.getReader)) {
    throw new ConfigurationError(
      'fetch',
      options.fetch,
      development ? 'Its responses cannot be read as a stream. In React Native, pass the fetch of expo/fetch.' : '',
    )
  }
  return { url, body }
}

/** Returns `Retry-After` in milliseconds, or `undefined`. A date counts from the response's `Date`, if it has one. */
export function parseRetryAfter(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  if (/^[0-9]+$/.test(value)) return Number(value) * 1000
  const until = Date.parse(value)
  if (Number.isNaN(until)) return undefined
  return Math.max(0, until - (Date.parse(headers.get('date') ?? '') || now))
}

/** The longest wait for the body of a refusal, in milliseconds. It delays the report of the status. */
const refusalMs = 1_000

/** Returns the first characters of a body, for the error. */
export async function beginningOf(
  body: ReadableStream<Uint8Array> | null | undefined,
  { clock, signal }: Pick<Attempt, 'clock' | 'signal'>,
): Promise<string> {
  if (!body?.getReader) return ''
  const utf8 = new TextDecoder()
  let text = ''
  const reader = body.getReader()
  const read = async () => {
    while (text.length < 512) {
      const { done, value } = await reader.read()
      if (done) break
      text += utf8.decode(value, { stream: true })
    }
  }
  // After a timeout, the text so far is enough.
  await ask('body', read, { clock, signal, timeoutMs: refusalMs }).catch(() => {})
  reader.cancel().catch(() => {})
  return text.slice(0, 512)
}
