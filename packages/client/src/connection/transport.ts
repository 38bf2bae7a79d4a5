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
import { ask, type CallbackOptions, type Patience } from '../runtime/guard.js'
import type { Action } from './action.js'
import { prepareRequest, type RequestOptions } from './request.js'

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
  /** Absent if the request only reads. */
  readonly action?: Action | undefined
}

/**
 * Makes one request and checks that the response is an event stream.
 *
 * @throws one of the client's error classes, or an error of the options' functions.
 */
export async function openStream(options: RequestOptions, attempt: Attempt): Promise<StreamResponse> {
  const { clock, signal, action } = attempt
  const patience = { clock, signal, timeoutMs: options.callbackTimeoutMs ?? 10_000 }
  const request = await prepareRequest(options, attempt.lastEventId, patience, attempt.channels)
  await action?.prepare(request, patience)
  const { url, init } = request
  const { connectTimeoutMs: timeoutMs = action?.timeoutMs ?? 30_000 } = options
  const send = async (): Promise<Response> => {
    const response = await (options.fetch ?? fetch)(url, init)
    // A replacement for fetch may ignore signals.
    if (signal.aborted) response?.body?.cancel().catch(() => {})
    return response
  }
  const response = await answerOf(url, send, { clock, signal, timeoutMs })
  const opened = await check(response, url, options, attempt)
  return opened && { ...opened, location: action?.locationOf(response) }
}

/**
 * Waits for an answer of the server.
 *
 * @throws {ConnectTimeoutError} {ConnectionError}
 */
export async function answerOf<Answer>(
  url: string,
  callback: (options: CallbackOptions) => Promise<Answer>,
  patience: Patience,
): Promise<Answer> {
  try {
    return await ask('fetch', callback, patience, () => new ConnectTimeoutError(url, patience.timeoutMs))
  } catch (cause) {
    throw cause instanceof ConnectTimeoutError ? cause : new ConnectionError(url, { cause })
  }
}

/** Returns the error for a refused request. */
export async function refusalOf(
  { status, statusText, headers, body }: Response,
  url: string,
  attempt: Pick<Attempt, 'clock' | 'signal'>,
): Promise<HttpStatusError> {
  const retryAfterMs = parseRetryAfter(headers, attempt.clock.now())
  return new HttpStatusError(status, statusText, url, await beginningOf(body, attempt), retryAfterMs)
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
  if (status !== 200) throw await refusalOf(response, url, attempt)
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
function parseRetryAfter(headers: Headers, now: number): number | undefined {
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
async function beginningOf(
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
