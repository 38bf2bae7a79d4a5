import type { Clock } from '@rivulet/core'
import { ConnectionError, ConnectTimeoutError, ContentTypeError, HttpStatusError } from '../runtime/errors.js'
import { ask } from '../runtime/guard.js'
import type { ConnectionOptions } from './connection-options.js'
import { refreshCount, refreshOnce } from './credential-refresh.js'
import { prepareRequest } from './request.js'
import { beginningOf, parseRetryAfter } from './transport.js'

/**
 * Makes a request beside a stream, with the credentials of the stream. Refreshes them once if the server answers 401. A body
 * is JSON.
 *
 * @throws {HttpStatusError} {ConnectionError} {ConnectTimeoutError} and any error of the options' functions.
 */
export async function callServer(options: ConnectionOptions, clock: Clock, signal: AbortSignal): Promise<void> {
  const { body } = await requestBeside(options, clock, signal)
  body?.cancel().catch(() => {})
}

/**
 * Makes a request like `callServer`, and returns the JSON that answers it.
 *
 * @throws As `callServer`, and {ContentTypeError} if the answer is something else.
 */
export async function loadJson(options: ConnectionOptions, clock: Clock, signal: AbortSignal): Promise<unknown> {
  const response = await requestBeside(options, clock, signal, 'application/json')
  const { status, headers, url, body } = response
  const type = headers.get('content-type') ?? ''
  if (!/^application\/json\b/i.test(type)) {
    body?.cancel().catch(() => {})
    throw new ContentTypeError(status, type, url, 'application/json')
  }
  const { connectTimeoutMs = 30_000 } = options
  const late = () => new ConnectTimeoutError(url, connectTimeoutMs)
  return ask('fetch', () => response.json(), { clock, signal, timeoutMs: connectTimeoutMs }, late).catch((cause) => {
    throw cause instanceof ConnectTimeoutError ? cause : new ConnectionError(url, { cause })
  })
}

async function requestBeside(
  options: ConnectionOptions,
  clock: Clock,
  signal: AbortSignal,
  accept?: string,
): Promise<Response> {
  const { onUnauthorized, callbackTimeoutMs = 10_000, connectTimeoutMs = 30_000 } = options
  const patience = { clock, signal, timeoutMs: callbackTimeoutMs }
  let target = ''
  const send = async (): Promise<Response> => {
    const { url, init } = await prepareRequest(options, '', patience)
    target = url
    if (accept !== undefined) (init.headers as Headers).set('accept', accept)
    if (init.body) (init.headers as Headers).set('content-type', 'application/json')
    const answer = ({ signal }: { signal: AbortSignal }) => (options.fetch ?? fetch)(url, { ...init, signal })
    const late = () => new ConnectTimeoutError(url, connectTimeoutMs)
    return ask('fetch', answer, { clock, signal, timeoutMs: connectTimeoutMs }, late).catch((cause) => {
      throw cause instanceof ConnectTimeoutError ? cause : new ConnectionError(url, { cause })
    })
  }
  const refreshes = onUnauthorized && refreshCount(onUnauthorized)
  let response = await send()
  if (response.status === 401 && onUnauthorized) {
    response.body?.cancel().catch(() => {})
    await refreshOnce(onUnauthorized, refreshes!, patience)
    response = await send()
  }
  const { ok, status, statusText, headers, body } = response
  if (ok) return response
  const text = await beginningOf(body, { clock, signal })
  throw new HttpStatusError(status, statusText, response.url || target, text, parseRetryAfter(headers, clock.now()))
}
