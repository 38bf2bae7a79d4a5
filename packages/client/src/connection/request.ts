import { ConfigurationError, messageOf } from '../runtime/errors.js'
import { ask, type CallbackOptions, type Patience } from '../runtime/guard.js'
import { pageBaseUrl } from '../runtime/page-events.js'

/** A value, or a function that gives it, perhaps later, anew for each attempt. */
export type PerAttempt<T> = T | ((options: CallbackOptions) => T | PromiseLike<T>)

/** How a stream is requested. */
export interface RequestOptions {
  /**
   * Where the stream is. In a page it may be relative. A function is called for each attempt; when it rejects, the
   * attempt has failed and is retried.
   */
  url: PerAttempt<string | URL>
  /**
   * A request whose method is not idempotent (`POST`, `PATCH`) is sent again only if the server had opened the stream, or
   * said that it has not acted on the request: by 401, 408, 425, 429 or 503. Anything else before that closes the stream.
   * @default 'GET', or 'POST' where there is a body
   */
  method?: string
  /** The request's body. A function is called for each attempt, as a stream can be read only once and has to be made anew. */
  body?: PerAttempt<BodyInit | null | undefined>
  /** Whether cookies travel, as in `fetch`. @default 'same-origin' */
  credentials?: RequestCredentials
  /** Headers of the request. A function is called for each attempt, so that it can give the credential of the moment. */
  headers?: PerAttempt<HeadersInit | undefined>
  /** The `fetch` to use. It is called with a URL and an init object, and has to give a readable body. @default the global one, looked up for each attempt */
  fetch?: typeof fetch
  /**
   * How long the response may take to begin, in milliseconds; 0: for ever. Firefox tells of a response only with the first
   * byte of its body, so leave time for that where a server sends headers alone.
   * @default 30_000; 0 where the method is not idempotent, as the server may work long before it answers
   */
  connectTimeoutMs?: number
  /**
   * How long `url`, `headers`, `body`, `onUnauthorized` and schemas that answer later may take, each, in milliseconds;
   * 0: for ever. An attempt whose functions take longer has failed, and is retried.
   * @default 10_000
   */
  callbackTimeoutMs?: number
  /**
   * How a reconnection tells where to continue: by the header `Last-Event-ID`, as the standard has it, or by the query's
   * `lastEventId`. A stream of another origin has to allow that header by CORS, or else needs `'query'`.
   * @default 'header'
   */
  lastEventIdIn?: 'header' | 'query'
}

/** The arguments for `fetch`. */
export interface PreparedRequest {
  readonly url: string
  readonly init: RequestInit & { method: string }
}

/**
 * Calls the functions among the options, and makes a request of their results.
 *
 * @throws {ConfigurationError} for a request that no attempt could send, and whatever the functions throw.
 */
export async function prepareRequest(
  options: RequestOptions,
  lastEventId: string,
  patience: Patience,
): Promise<PreparedRequest> {
  const target = resolveUrl(await resolve('url', options.url, patience), options)
  const body = await resolve('body', options.body, patience)
  const headers = readHeaders(await resolve('headers', options.headers, patience))
  if (!headers.has('accept')) headers.set('accept', 'text/event-stream')
  if (lastEventId !== '') {
    const bytes = headerBytes(lastEventId)
    if (bytes !== undefined && options.lastEventIdIn !== 'query') headers.set('last-event-id', bytes)
    else target.searchParams.set('lastEventId', lastEventId)
  }
  const init: RequestInit & { method: string } = {
    method: options.method ?? (isNone(body) ? 'GET' : 'POST'),
    headers,
    cache: 'no-store',
    signal: patience.signal,
  }
  if (options.credentials) init.credentials = options.credentials
  checkRequest(target.href, init, body)
  if (!isNone(body)) {
    init.body = body
    if (isReadOnce(body)) Object.assign(init, { duplex: 'half' })
  }
  return { url: target.href, init }
}

/** Methods that mean the same however often the request arrives. */
export function isIdempotent(method: string): boolean {
  return /^(GET|HEAD|PUT|DELETE|OPTIONS|QUERY)$/i.test(method)
}

function resolveUrl(url: unknown, options: RequestOptions): URL {
  let target: URL
  try {
    if (typeof url !== 'string' && !(url instanceof URL)) throw new TypeError('It is no text.')
    target = new URL(url, pageBaseUrl())
  } catch (cause) {
    const fix = 'Give an absolute URL; only a page can resolve a relative one.'
    throw new ConfigurationError('url', url, fix, { cause })
  }
  if (!/^https?:$/.test(target.protocol) && !options.fetch) {
    throw new ConfigurationError(
      'url',
      target.href,
      'Give one of http or https; another scheme needs a fetch of your own.',
    )
  }
  if (target.username || target.password) {
    const fix = 'fetch takes no credentials in the URL: give headers: { authorization: … }.'
    throw new ConfigurationError('url', target.origin, fix)
  }
  return target
}

function readHeaders(headers: HeadersInit | undefined): Headers {
  try {
    return new Headers(headers ?? undefined)
  } catch (cause) {
    // Not their values: they may be secrets.
    throw new ConfigurationError('headers', 'what was given', `No request can have them: ${messageOf(cause)}`, {
      cause,
    })
  }
}

/** Bodies that were sent. */
const spent = new WeakSet<object>()

/** @throws {ConfigurationError} for what no attempt could send. */
function checkRequest(url: string, init: RequestInit & { method: string }, body: unknown): void {
  for (const option of ['method', 'credentials'] as const) {
    try {
      if (globalThis.Request) new Request(url, { [option]: init[option] })
    } catch (cause) {
      throw new ConfigurationError(option, init[option], `No request can have it: ${messageOf(cause)}`, { cause })
    }
  }
  if (isNone(body)) return
  if (/^(GET|HEAD)$/i.test(init.method)) {
    throw new ConfigurationError(
      'method',
      init.method,
      'A request with a body needs another one: leave it out for POST.',
    )
  }
  const kind = Object(body).constructor
  if (kind === Object || kind === Array) {
    throw new ConfigurationError(
      'body',
      body,
      'Send it as text: JSON.stringify(…), with a content-type among the headers.',
    )
  }
  if (isReadOnce(body)) {
    if (spent.has(body)) {
      throw new ConfigurationError(
        'body',
        'a stream that was sent',
        'Give a function that makes a new one for each attempt.',
      )
    }
    spent.add(body)
  }
}

function isNone(body: unknown): body is null | undefined {
  return body === undefined || body === null
}

function isReadOnce(body: unknown): body is object {
  return typeof body === 'object' && body !== null && ('getReader' in body || Symbol.asyncIterator in body)
}

/** The value of an option, asked for where it is a function. */
function resolve<T>(name: string, value: PerAttempt<T>, patience: Patience): T | Promise<T> {
  return typeof value === 'function' ? ask(name, value as (options: CallbackOptions) => T, patience) : value
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
