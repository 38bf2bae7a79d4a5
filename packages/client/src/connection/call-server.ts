import type { Clock } from '@rivulet/core'
import { ContentTypeError } from '../runtime/errors.js'
import { addBody } from './action.js'
import type { ConnectionOptions } from './connection-options.js'
import { refreshCount, refreshOnce } from './credential-refresh.js'
import { prepareRequest } from './request.js'
import { answerOf, refusalOf } from './transport.js'

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
  return answerOf(url, () => response.json(), { clock, signal, timeoutMs: connectTimeoutMs })
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
    const request = await prepareRequest(options, '', patience)
    await addBody(request, options, patience)
    const { url, init } = request
    target = url
    if (accept !== undefined) (init.headers as Headers).set('accept', accept)
    if (init.body) (init.headers as Headers).set('content-type', 'application/json')
    const answer = ({ signal }: { signal: AbortSignal }) => (options.fetch ?? fetch)(url, { ...init, signal })
    return answerOf(url, answer, { clock, signal, timeoutMs: connectTimeoutMs })
  }
  const refreshes = onUnauthorized && refreshCount(onUnauthorized)
  let response = await send()
  if (response.status === 401 && onUnauthorized) {
    response.body?.cancel().catch(() => {})
    await refreshOnce(onUnauthorized, refreshes!, patience)
    response = await send()
  }
  if (response.ok) return response
  throw await refusalOf(response, response.url || target, { clock, signal })
}
