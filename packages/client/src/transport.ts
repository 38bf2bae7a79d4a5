import type { Clock } from './clock.js'
import {
  ConfigurationError,
  ConnectionError,
  ConnectTimeoutError,
  ContentTypeError,
  HttpStatusError,
  StreamClosedByServerError,
} from './errors.js'
import { pageBaseUrl } from './page-events.js'

/** A value, or a function that gives it, perhaps later, anew for each attempt. */
export type PerAttempt<T> = T | (() => T | Promise<T>)

/** How a stream is requested. */
export interface RequestOptions {
  /**
   * Where the stream is. In a page it may be relative. A function is called for each attempt; when it rejects, the
   * attempt has failed and is retried.
   */
  url: PerAttempt<string | URL>
  /** @default 'GET', or 'POST' where there is a body */
  method?: string
  /** The request's body. A function is called for each attempt, as what can be read only once (a stream) has to be made anew. */
  body?: PerAttempt<BodyInit | null | undefined>
  /** Whether cookies travel, as in `fetch`. @default 'same-origin' */
  credentials?: RequestCredentials
  /** Headers of the request. A function is called for each attempt, so that it can give the credential of the moment. */
  headers?: PerAttempt<HeadersInit | undefined>
  /** The `fetch` to use. It is called with a URL and an init object, and has to give a readable body. @default the global one, looked up for each attempt */
  fetch?: typeof fetch
  /** How long the response's headers may take, in milliseconds. @default 30_000 */
  connectTimeoutMs?: number
  /**
   * How a reconnection tells where to continue: by the header `Last-Event-ID`, as the standard has it, or by the query's
   * `lastEventId`. A stream of another origin has to allow that header by CORS, or else needs `'query'`.
   * @default 'header'
   */
  lastEventIdIn?: 'header' | 'query'
}

/** A readable response, or `undefined` for 204: there is nothing to receive, now or later. */
export type StreamResponse = { readonly url: string; readonly body: ReadableStream<Uint8Array> | null } | undefined

/**
 * Makes one request and checks that an event stream answers.
 *
 * @throws one of the client's error classes, or what the options' functions threw.
 */
export async function openStream(
  options: RequestOptions,
  lastEventId: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<StreamResponse> {
  const { connectTimeoutMs = 30_000 } = options
  let url = typeof options.url === 'function' ? '' : String(options.url)
  let timer: unknown
  const timeout = new Promise<never>((_, reject) => {
    timer = clock.setTimeout(() => reject(new ConnectTimeoutError(url, connectTimeoutMs)), connectTimeoutMs)
  })
  try {
    return await Promise.race([timeout, request()])
  } finally {
    clock.clearTimeout(timer)
  }

  async function request(): Promise<StreamResponse> {
    const target = resolveUrl(await resolve(options.url))
    const body = await resolve(options.body)
    const headers = new Headers(await resolve(options.headers))
    if (!headers.has('accept')) headers.set('accept', 'text/event-stream')
    if (lastEventId !== '') {
      const bytes = headerBytes(lastEventId)
      if (bytes !== undefined && options.lastEventIdIn !== 'query') headers.set('last-event-id', bytes)
      else target.searchParams.set('lastEventId', lastEventId)
    }
    url = target.href
    const init: RequestInit = {
      method: options.method ?? (body === undefined || body === null ? 'GET' : 'POST'),
      headers,
      cache: 'no-store',
      signal,
    }
    if (body !== undefined) init.body = body
    if (options.credentials) init.credentials = options.credentials
    let response: Response
    try {
      response = await (options.fetch ?? fetch)(url, init)
    } catch (cause) {
      throw new ConnectionError(url, { cause })
    }
    return check(response, response.url || url, options, clock)
  }
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

async function check(response: Response, url: string, options: RequestOptions, clock: Clock): Promise<StreamResponse> {
  const { status, body } = response
  if (status === 204) return undefined
  if (status !== 200) {
    const retryAfterMs = parseRetryAfter(response.headers, clock.now())
    throw new HttpStatusError(status, response.statusText, url, await beginningOf(body), retryAfterMs)
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

function resolveUrl(url: string | URL): URL {
  try {
    return new URL(url, pageBaseUrl())
  } catch (cause) {
    throw new ConfigurationError('url', String(url), 'Give an absolute URL; only a page can resolve a relative one.', {
      cause,
    })
  }
}

function resolve<T>(value: PerAttempt<T>): T | Promise<T> {
  return typeof value === 'function' ? (value as () => T | Promise<T>)() : value
}

/**
 * The standard sends the ID's UTF-8 bytes, and `fetch` takes a header's bytes as Latin-1 characters. `undefined` for an
 * ID that no header carries unchanged; it goes into the query, where Rivulet's server looks as well: an ID must never
 * keep a stream from reconnecting.
 */
function headerBytes(id: string): string | undefined {
  // An encoder only for what needs one: Jest's jsdom has none.
  const bytes = id.replace(/[\u0080-\uffff]+/g, (text) => String.fromCharCode(...new TextEncoder().encode(text)))
  return /^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/.test(bytes) ? bytes : undefined
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

/** The first characters of a body, for the error's reader. The connect timeout bounds how long a server can let it hang. */
async function beginningOf(body: ReadableStream<Uint8Array> | null): Promise<string> {
  if (!body) return ''
  const reader = body.getReader()
  const utf8 = new TextDecoder()
  let text = ''
  try {
    while (text.length < 512) {
      const { done, value } = await reader.read()
      if (done) break
      text += utf8.decode(value, { stream: true })
    }
  } catch {
    // What came before the connection broke is enough.
  }
  reader.cancel().catch(() => {})
  return text.slice(0, 512)
}
