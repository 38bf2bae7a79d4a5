import type { Refusal } from './sink.js'
import type { Admission, Authorization } from './stream-options.js'

export interface Limits {
  /** How many streams at once; more are refused with 503. @default Infinity */
  maxConnections?: number
  /** How many streams at once of one key that `authorize` gave; more are refused with 429. @default Infinity */
  maxConnectionsPerKey?: number
  /** How many bytes may wait for one connection before it is given nothing more until it drains. @default 262_144 */
  highWaterMarkBytes?: number
  /** A connection that takes no byte for this many milliseconds is closed. @default 60_000 */
  stallTimeoutMs?: number
  /**
   * How long a stream may last, in milliseconds; each lasts between 80 and 100 percent of it. The client comes back and
   * goes on: this spreads connections over servers again, and frees those that only a proxy keeps open. @default Infinity
   */
  maxLifetimeMs?: number
}

/** Counts connections, and says which are too many. */
export class ConnectionLimits {
  readonly #maxConnections: number
  readonly #maxPerKey: number
  readonly #perKey = new Map<string, number>()
  #count = 0

  constructor({ maxConnections = Infinity, maxConnectionsPerKey = Infinity }: Limits) {
    this.#maxConnections = maxConnections
    this.#maxPerKey = maxConnectionsPerKey
  }

  /** Why one more is refused, if it is. Retry times are spread by `random`, so that the refused do not all come back at once. */
  check(key: string | undefined, random: () => number): Refusal | undefined {
    if (this.#count >= this.#maxConnections) {
      return comeBack(503, 'The server has as many event streams open as it may.', later, random)
    }
    if (key !== undefined && (this.#perKey.get(key) ?? 0) >= this.#maxPerKey) {
      return comeBack(429, 'Too many event streams are open for this client.', later, random)
    }
    return undefined
  }

  add(key: string | undefined): void {
    this.#count++
    if (key !== undefined) this.#perKey.set(key, (this.#perKey.get(key) ?? 0) + 1)
  }

  remove(key: string | undefined): void {
    this.#count--
    if (key === undefined) return
    const left = this.#perKey.get(key)! - 1
    if (left > 0) this.#perKey.set(key, left)
    else this.#perKey.delete(key)
  }
}

/** Where another node answers, or this one does in a moment. */
const soon = 1
/** Where others have to leave first. */
const later = 5

export function shuttingDown(random: () => number): Refusal {
  return comeBack(503, 'The server is shutting down.', soon, random)
}

/** For when the backplane does not answer: it may do so again soon. */
export function unavailable(random: () => number): Refusal {
  return comeBack(503, 'The events cannot be read at the moment.', soon, random)
}

/** Clients come back between once and three times so many seconds later, not all in one moment. */
function comeBack(status: number, message: string, seconds: number, random: () => number): Refusal {
  return { status, message, headers: { 'Retry-After': String(seconds + Math.floor(random() * (2 * seconds + 1))) } }
}

/**
 * What an answer of `authorize` comes to.
 *
 * @throws {TypeError} when it neither lets in nor keeps out: an `authorize` without a `return` must not let everyone in.
 */
export function readAuthorization<Context>(
  answer: Authorization<Context>,
): { admission: Admission<Context> } | { refusal: Refusal } {
  if (answer === true) return { admission: {} }
  if (answer === false) return { refusal: { status: 403 } }
  if (typeof answer === 'object' && answer !== null) {
    return 'status' in answer ? { refusal: answer } : { admission: answer }
  }
  throw new TypeError(`authorize answered with ${answer}. Return true, false, { context } or { status }.`)
}
