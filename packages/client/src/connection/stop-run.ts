import type { Clock } from '@rivulet/core'
import { ConnectionError, ConnectTimeoutError, HttpStatusError } from '../runtime/errors.js'
import { ask } from '../runtime/guard.js'
import type { ConnectionOptions } from './connection-options.js'
import { refreshCount, refreshOnce } from './credential-refresh.js'
import { prepareRequest } from './request.js'

/**
 * Stops a run by a DELETE to its address, with the credentials of its stream. Refreshes them once if the server answers 401.
 *
 * @throws {HttpStatusError} {ConnectionError} {ConnectTimeoutError} and any error of the options' functions.
 */
export async function stopRun(
  options: Omit<ConnectionOptions, 'url'>,
  location: string | URL,
  clock: Clock,
): Promise<void> {
  const { onUnauthorized, callbackTimeoutMs = 10_000, connectTimeoutMs = 30_000 } = options
  const { signal } = new AbortController()
  const patience = { clock, signal, timeoutMs: callbackTimeoutMs }
  const request = { ...options, url: location, method: 'DELETE', body: undefined }
  const send = async (): Promise<Response> => {
    const { url, init } = await prepareRequest(request, '', patience)
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
  response.body?.cancel().catch(() => {})
  const { ok, status, statusText, url } = response
  if (!ok) throw new HttpStatusError(status, statusText, url || String(location), '', undefined)
}
