import { development } from '../runtime/development.js'
import { ConfigurationError, messageOf } from '../runtime/errors.js'
import { ask, type CallbackOptions, type Patience } from '../runtime/guard.js'
import { pageBaseUrl } from '../runtime/page-events.js'

/** A value, or a sync or async function that returns it for each attempt. */
export type PerAttempt<T> = T | ((options: CallbackOptions) => T | PromiseLike<T>)

/** Options of a stream's request. */
export interface RequestOptions {
  /**
   * The address of the stream. In a page, it may be relative. A function is called for each attempt; if it rejects, the attempt
   * fails and is retried.
   */
  url: PerAttempt<string | URL>
  /**
   * The request's method. See `idempotent` for requests that the server acts on.
   * @default 'GET', or 'POST' if there is a body
   */
  method?: string
  /**
   * The server acts only once on this request, however often it is sent, for example because it carries an ID. A request that
   * is not idempotent is repeated only if the server had sent an event of the stream, or had answered 401, 408, 425, 429 or 503:
   * these mean that it has not acted. Any other failure closes the stream. If the server names the address of what the request
   * has started (a run), the client continues there by GET and never repeats the request.
   * @default false for `POST` and `PATCH`, otherwise true
   */
  idempotent?: boolean
  /** The request's body. A stream can be read only once, so give a function, which is called for each attempt. */
  body?: PerAttempt<BodyInit | null | undefined>
  /** Controls cookies, as in `fetch`. @default 'same-origin' */
  credentials?: RequestCredentials
  /** Headers of the request. A function is called for each attempt, so that it can return the current credential. */
  headers?: PerAttempt<HeadersInit | undefined>
  /** Replaces `fetch`. It takes a URL and an init object, and must return a readable body. @default the global one, looked up for each attempt */
  fetch?: (url: string, init: RequestInit & { method: string }) => Promise<Response>
  /**
   * The longest wait for the response headers, in milliseconds; 0: no limit. Firefox reports a response only with the first
   * byte of its body, so allow more time if the server sends headers alone.
   * @default 30_000; 0 if the request is not idempotent, because the server may work for a long time before it answers
   */
  connectTimeoutMs?: number
  /**
   * The time limit for each call of `url`, `headers`, `body` and `onUnauthorized`, and for each asynchronous schema, in
   * milliseconds; 0: no limit. If a function of an attempt takes longer, the attempt fails and is retried.
   * @default 10_000
   */
  callbackTimeoutMs?: number
  /**
   * The place of the last event ID in a reconnection: the standard's header `Last-Event-ID`, or the query parameter
   * `lastEventId`. For a stream of another origin, allow the header by CORS or use `'query'`.
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
 * Calls the functions `url` and `headers` and builds a GET from their results.
 *
 * @throws {ConfigurationError} for an invalid request, and any error of the functions.
 */
export async function prepareRequest(
  options: RequestOptions,
  lastEventId: string,
  patience: Patience,
  channels?: readonly string[],
): Promise<PreparedRequest> {
  const target = resolveUrl(await resolve('url', options.url, patience), options)
  // An empty name asks for none: without the parameter, the server would choose.
  for (const name of channels?.length === 0 ? [''] : (channels ?? [])) target.searchParams.append('channel', name)
  const headers = readHeaders(await resolve('headers', options.headers, patience))
  if (!headers.has('accept')) headers.set('accept', 'text/event-stream')
  if (lastEventId !== '') {
    const bytes = headerBytes(lastEventId)
    if (bytes !== undefined && options.lastEventIdIn !== 'query') headers.set('last-event-id', bytes)
    else target.searchParams.set('lastEventId', lastEventId)
  }
  const init: RequestInit & { method: string } = {
    method: 'GET',
    headers,
    cache: 'no-store',
    signal: patience.signal,
  }
  if (options.credentials) init.credentials = options.credentials
  checkInit(target.href, init, 'credentials')
  return { url: target.href, init }
}

/** Returns the address of a route beside a stream, such as `control`, with the stream's query. */
export function besideUrl({ url }: RequestOptions, name: string): PerAttempt<string | URL> {
  return async (given) => {
    const target = new URL(await (typeof url === 'function' ? url(given) : url), pageBaseUrl())
    target.pathname = target.pathname.replace(/\/?$/, `/${name}`)
    return target
  }
}

function resolveUrl(url: unknown, options: RequestOptions): URL {
  let target: URL
  try {
    if (typeof url !== 'string' && !(url instanceof URL)) throw new TypeError(development ? 'It is not a string.' : '')
    target = new URL(url, pageBaseUrl())
  } catch (cause) {
    const fix = development ? 'Pass an absolute URL: only a page can resolve a relative one.' : ''
    throw new ConfigurationError('url', url, fix, { cause })
  }
  if (!/^https?:$/.test(target.protocol) && !options.fetch) {
    throw new ConfigurationError(
      'url',
      target.href,
      development ? 'Pass an http or https URL. Other schemes need your own fetch.' : '',
    )
  }
  if (target.username || target.password) {
    const fix = development ? 'fetch rejects credentials in a URL. Pass headers: { authorization: … }.' : ''
    throw new ConfigurationError('url', target.origin, fix)
  }
  return target
}

function readHeaders(headers: HeadersInit | undefined): Headers {
  try {
    return new Headers(headers ?? undefined)
  } catch {
    // No value and no cause: both may contain secrets.
    throw new ConfigurationError(
      'headers',
      '[hidden]',
      development ? 'A name or value is invalid, for example because of a line break.' : '',
    )
  }
}

/** @throws {ConfigurationError} for a value that `fetch` would refuse on every attempt. */
export function checkInit(url: string, init: RequestInit, option: 'method' | 'credentials'): void {
  try {
    if (globalThis.Request) new Request(url, { [option]: init[option] })
  } catch (cause) {
    throw new ConfigurationError(
      option,
      init[option],
      development ? `fetch would reject it: ${messageOf(cause)}` : '',
      { cause },
    )
  }
}

/** Returns the value of an option. If the option is a function, calls it. */
export function resolve<T>(name: string, value: PerAttempt<T>, patience: Patience): T | Promise<T> {
  return typeof value === 'function' ? ask(name, value as (options: CallbackOptions) => T, patience) : value
}

/** Returns the most bytes that an ID takes in a request: a query needs nine for a character that is three in a header. */
export function cursorBytes(id: string): number {
  return new URLSearchParams([['', id]]).toString().length
}

/**
 * Encodes an ID for a header: the standard sends UTF-8 bytes, and `fetch` takes bytes as Latin-1 characters. Returns
 * `undefined` for an ID that no header carries unchanged. Such an ID goes into the query, which Rivulet's server also reads,
 * because an ID must never prevent a reconnection.
 */
function headerBytes(id: string): string | undefined {
  // Creates an encoder only if needed: Jest's jsdom has none.
  const bytes = id.replace(/[\u0080-\uffff]+/g, (text) => String.fromCharCode(...new TextEncoder().encode(text)))
  return /^[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/.test(bytes) ? bytes : undefined
}
