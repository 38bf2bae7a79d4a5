import type { Clock } from '@rivulet/core'
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

/** A readable response, or `undefined` for 204: there is nothing to receive, now or later. */
export type StreamResponse = { readonly url: string; readonly body: ReadableStream<Uint8Array> | null } | undefined

/** An attempt in its surroundings. */
export interface Attempt {
  readonly clock: Clock
  /** Aborts when the attempt is given up. */
  readonly signal: AbortSignal
  /** Where to continue; `''`: at the present. */
  readonly lastEventId: string
  /** The request is about to be sent: the server may act on it from now on, and again if it is sent again. */
  onSend(idempotent: boolean): void
}

/**
 * Makes one request and checks that an event stream answers.
 *
 * @throws one of the client's error classes, or what the options' functions threw.
 */
export async function openStream(options: RequestOptions, attempt: Attempt): Promise<StreamResponse> {
  const { clock, signal } = attempt
  const patience = { clock, signal, timeoutMs: options.callbackTimeoutMs ?? 10_000 }
  const { url, init } = await prepareRequest(options, attempt.lastEventId, patience)
  const idempotent = isIdempotent(init.method)
  const { connectTimeoutMs: timeoutMs = idempotent ? 30_000 : 0 } = options
  const send = async (): Promise<Response> => {
    const response = await (options.fetch ?? fetch)(url, init)
    // A replacement may know nothing of signals.
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
  return check(response, url, options, attempt)
}

/**
 * Reads a body to its end. `onChunk` gets each chunk; where it returns a promise, nothing more is read until that is settled.
 *
 * @throws {ConnectionError} when the connection breaks.
 * @throws {StreamClosedByServerError} at the end: an event stream has none of its own.
 */
export async function readStream(
  response: NonNullable<StreamResponse>,
  signal: AbortSignal,
  onChunk: (chunk: Uint8Array) => Promise<void> | undefined,
): Promise<never> {
  const reader = response.body?.getReader()
  // The signal ends the body of a true fetch by itself, but not one that a replacement made.
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
): Promise<StreamResponse> {
  if (typeof response?.headers?.get !== 'function') {
    throw new ConfigurationError('fetch', options.fetch, 'It has to give a Response.')
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
      'Its responses have no readable body. Give one that streams (in React Native that of expo/fetch).',
    )
  }
  return { url, body }
}

/** `Retry-After` in milliseconds, or `undefined`. A date is taken by the server's clock where the response tells it. */
function parseRetryAfter(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  if (/^[0-9]+$/.test(value)) return Number(value) * 1000
  const until = Date.parse(value)
  if (Number.isNaN(until)) return undefined
  return Math.max(0, until - (Date.parse(headers.get('date') ?? '') || now))
}

/** How long the body of a refusal may take, in milliseconds: its status has been known for as long. */
const refusalMs = 1_000

/** The first characters of a body, for the error's reader. */
async function beginningOf(
  body: ReadableStream<Uint8Array> | null | undefined,
  { clock, signal }: Attempt,
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
  // What came until then is enough.
  await ask('body', read, { clock, signal, timeoutMs: refusalMs }).catch(() => {})
  reader.cancel().catch(() => {})
  return text.slice(0, 512)
}
