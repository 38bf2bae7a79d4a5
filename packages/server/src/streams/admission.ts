import { encodeControlEvent } from '@rivulet/core'
import { type Refusal, streamHeaders } from '../sinks/sink.js'

export interface Limits {
  /** How many streams at once; more are refused with 503. Requests that are being authorized count. @default Infinity */
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

/** Thrown by a step of receiving a request: it is answered with this, and not with a stream. */
export class Refused {
  readonly #refusal: Refusal

  constructor(refusal: Refusal) {
    this.#refusal = refusal
  }

  /** Takes anything that was thrown. Unlike `instanceof`, this runs no trap of a proxy. */
  static is(value: unknown): value is Refused {
    return typeof value === 'object' && value !== null && #refusal in value
  }

  get refusal(): Refusal {
    return this.#refusal
  }
}

/** Counts streams and the requests that may become streams, and refuses those that are too many. */
export class ConnectionLimits {
  readonly #maxConnections: number
  readonly #maxPerKey: number
  readonly #random: () => number
  readonly #perKey = new Map<string, number>()
  #count = 0

  /** @param random Spreads the times at which the refused come back. */
  constructor({ maxConnections = Infinity, maxConnectionsPerKey = Infinity }: Limits, random: () => number) {
    this.#maxConnections = maxConnections
    this.#maxPerKey = maxConnectionsPerKey
    this.#random = random
  }

  /** @throws {Refused} with 503 when there are too many. */
  enter(): Slot {
    if (this.#count >= this.#maxConnections) {
      throw new Refused(comeBack(503, 'The server has as many event streams open as it may.', later, this.#random))
    }
    this.#count++
    return new Slot(this)
  }

  /** For slots alone. @throws {Refused} with 429 when there are too many of this key. */
  take(key: string): void {
    const taken = this.#perKey.get(key) ?? 0
    if (taken >= this.#maxPerKey) {
      throw new Refused(comeBack(429, 'Too many event streams are open for this client.', later, this.#random))
    }
    this.#perKey.set(key, taken + 1)
  }

  /** For slots alone. */
  giveBack(key: string | undefined): void {
    this.#count--
    if (key === undefined) return
    const left = this.#perKey.get(key)! - 1
    if (left > 0) this.#perKey.set(key, left)
    else this.#perKey.delete(key)
  }
}

/** One place within the limits, from the arrival of a request to the end of its stream. */
export class Slot {
  readonly #limits: ConnectionLimits
  #key: string | undefined
  #released = false

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /** Counts for this key too. @throws {Refused} with 429 when there are too many of it. */
  claim(key: string | undefined): void {
    if (key === undefined || this.#released) return
    this.#limits.take(key)
    this.#key = key
  }

  /** May be called again. */
  release(): void {
    if (this.#released) return
    this.#released = true
    this.#limits.giveBack(this.#key)
  }
}

/** Where another node answers, or this one does in a moment. */
const soon = 1
/** Where others have to leave first. */
const later = 5

export function shuttingDown(random: () => number): Refusal {
  return comeBack(503, 'The server is shutting down.', soon, random)
}

/** For a request behind an unfinished response on the same connection: a stream there would wait, perhaps for ever. */
export function pipelined(random: () => number): Refusal {
  return comeBack(503, 'Ask for an event stream on a connection that is not in use.', soon, random)
}

/** For when the backplane does not answer: it may do so again soon. */
export function unavailable(random: () => number): Refusal {
  return comeBack(503, 'The events cannot be read at the moment.', soon, random)
}

/** Clients come back between once and three times so many seconds later, not all in one moment. */
function comeBack(status: number, message: string, seconds: number, random: () => number): Refusal {
  return { status, message, headers: { 'retry-after': String(seconds + Math.floor(random() * (2 * seconds + 1))) } }
}

/**
 * The refusal of a request that may come back, as a stream that says when, and ends. A native `EventSource` gives up for good
 * at any status but 200.
 *
 * @param retryMs Where the refusal does not say when.
 */
export function asStream(refusal: Refusal, retryMs: number): Refusal {
  if (refusal.status !== 429 && refusal.status !== 503) return refusal
  const seconds = refusal.headers?.['retry-after'] ?? ''
  const retry = /^\d{1,9}$/.test(seconds) ? Number(seconds) * 1000 : retryMs
  const message = encodeControlEvent({ type: 'rivulet:close', reason: 'busy', retry: true }, { retry })
  return { status: 200, message, headers: { ...refusal.headers, ...streamHeaders } }
}
