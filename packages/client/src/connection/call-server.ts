import type { Clock } from '@rivulet/core'
import { ConnectionError, ConnectTimeoutError, HttpStatusError } from '../runtime/errors.js'
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
  const { onUnauthorized, callbackTimeoutMs = 10_000, connectTimeoutMs = 30_000 } = options
  const patience = { clock, signal, timeoutMs: callbackTimeoutMs }
  let target = ''
  const send = async (): Promise<Response> => {
    const { url, init } = await prepareRequest(options, '', patience)
    target = url
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
  if (ok) {
    body?.cancel().catch(() => {})
    return
  }
  const text = await beginningOf(body, { clock, signal })
  throw new HttpStatusError(status, statusText, response.url || target, text, parseRetryAfter(headers, clock.now()))
}
