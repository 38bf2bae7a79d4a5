import { development } from '../runtime/development.js'
import { ConfigurationError, HttpStatusError, RequestNotRepeatedError } from '../runtime/errors.js'
import type { Patience } from '../runtime/guard.js'
import type { ConnectionInput } from './connection-machine.js'
import { checkInit, type PreparedRequest, type RequestOptions, resolve } from './request.js'

// Requests that the server acts on: with a method, a body, and perhaps not to be sent twice.

/** The action that a stream's request asks for, as its connection sees it. */
export interface Action {
  /** `false` if the server may have acted already, so that the request must not be sent again. */
  readonly mayRepeat: boolean
  /** The longest wait for the response headers by default, in milliseconds; 0: no limit. */
  readonly timeoutMs: number
  /** `connect()` was called. */
  connected(): void
  /** Adds the method and the body. The request is sent next, and the server may act on it. */
  prepare(request: PreparedRequest, patience: Patience): Promise<void>
  /** Returns the address of what the request has started, if the server names one. */
  locationOf(response: Response): string | undefined
  /** The server has sent something of the stream. */
  began(): void
  /** The attempt has failed. */
  failed(error: unknown): void
  /** Says that the request is not sent again. */
  withoutRepetition(input: ConnectionInput): ConnectionInput
}

/** Statuses of a server that has not acted on the request. */
const declinedStatuses = [401, 408, 425, 429, 503]

/** The action of a request with the method and the body of the options. */
export class RequestAction implements Action {
  readonly #options: RequestOptions
  #method = 'GET'
  #idempotent = true
  /** The server has sent something of the stream since `connect()`. */
  #began = false
  /** The server may have acted on a request that must not be sent twice. */
  #acted = false

  constructor(options: RequestOptions) {
    this.#options = options
  }

  get mayRepeat(): boolean {
    return this.#began || !this.#acted
  }

  get timeoutMs(): number {
    return this.#idempotent ? 30_000 : 0
  }

  connected(): void {
    this.#began = false
    this.#acted = false
  }

  async prepare(request: PreparedRequest, patience: Patience): Promise<void> {
    await addBody(request, this.#options, patience)
    this.#method = request.init.method
    this.#idempotent = this.#options.idempotent ?? isIdempotent(this.#method)
    this.#acted = !this.#idempotent
  }

  locationOf(response: Response): string | undefined {
    // A GET has made nothing. Its `Content-Location` names a variant of the same stream.
    return (this.#method !== 'GET' && response.headers.get('content-location')) || undefined
  }

  began(): void {
    this.#began = true
  }

  failed(error: unknown): void {
    if (error instanceof HttpStatusError && declinedStatuses.includes(error.status)) this.#acted = false
  }

  withoutRepetition(input: ConnectionInput): ConnectionInput {
    // A status says enough: the server has answered.
    if ((input.type !== 'lost' && input.type !== 'left') || input.error instanceof HttpStatusError) return input
    return { ...input, error: new RequestNotRepeatedError({ cause: input.error }) }
  }
}

/** Recognizes methods whose requests may safely be repeated. */
function isIdempotent(method: string): boolean {
  return /^(GET|HEAD|PUT|DELETE|OPTIONS|QUERY)$/i.test(method)
}

/** Read-once bodies that were already sent. */
const spent = new WeakSet<object>()

/**
 * Adds the method and the body of the options to a request.
 *
 * @throws {ConfigurationError} for a request that `fetch` would refuse on every attempt, and any error of the functions.
 */
export async function addBody(
  { url, init }: PreparedRequest,
  options: RequestOptions,
  patience: Patience,
): Promise<void> {
  const body = await resolve('body', options.body, patience)
  const isNone = body === undefined || body === null
  init.method = options.method ?? (isNone ? 'GET' : 'POST')
  checkInit(url, init, 'method')
  if (isNone) return
  if (/^(GET|HEAD)$/i.test(init.method)) {
    throw new ConfigurationError(
      'method',
      init.method,
      development ? 'It cannot have a body. Omit the method to use POST.' : '',
    )
  }
  const kind = Object(body).constructor
  if (kind === Object || kind === Array) {
    throw new ConfigurationError('body', body, development ? 'Pass JSON.stringify(…), and a content-type header.' : '')
  }
  init.body = body
  if (!isReadOnce(body)) return
  if (spent.has(body)) {
    throw new ConfigurationError(
      'body',
      'a stream that was already sent',
      development ? 'Pass a function that returns a new one.' : '',
    )
  }
  spent.add(body)
  Object.assign(init, { duplex: 'half' })
}

function isReadOnce(body: unknown): body is object {
  return typeof body === 'object' && body !== null && ('getReader' in body || Symbol.asyncIterator in body)
}
