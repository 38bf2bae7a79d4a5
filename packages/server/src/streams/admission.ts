import { encodeControlEvent } from '@rivulet/core'
import { type Refusal, streamHeaders } from '../sinks/sink.js'

export interface Limits {
  /**
   * The number of open streams plus requests being authorized. More are refused with 503. As many requests for history or members
   * may be under way, and as many changes of channels. @default Infinity
   */
  maxConnections?: number
  /**
   * The number of open streams per `key` from `authorize`. More are refused with 429. For each of them, 16 requests of the key for
   * history or members may be under way. @default Infinity
   */
  maxConnectionsPerKey?: number
  /** The number of bytes that may be buffered for one connection. Above it, the connection gets nothing until it drains. @default 262_144 */
  highWaterMarkBytes?: number
  /** The time in milliseconds after which a connection that takes no byte is closed. @default 60_000 */
  stallTimeoutMs?: number
  /**
   * The longest time in milliseconds that a stream lasts. Each lasts between 80 and 100 percent of it, and then the client
   * reconnects and resumes. Spreads connections over servers again, and frees those that only a proxy keeps open.
   * @default Infinity
   */
  maxLifetimeMs?: number
}

/** Thrown by a step of receiving a request that ends in a refusal. */
export class Refused {
  readonly #refusal: Refusal

  constructor(refusal: Refusal) {
    this.#refusal = refusal
  }

  /** Tells if a thrown value is a `Refused`. Unlike `instanceof`, runs no trap of a proxy. */
  static is(value: unknown): value is Refused {
    return typeof value === 'object' && value !== null && #refusal in value
  }

  get refusal(): Refusal {
    return this.#refusal
  }
}

/** Counts open streams and pending requests, and refuses requests above the limits. */
export class ConnectionLimits {
  readonly #maxConnections: number
  readonly #maxPerKey: number
  readonly #random: () => number
  readonly #perKey = new Map<string, number>()
  #count = 0

  /** @param random Spreads the times at which refused clients reconnect. */
  constructor({ maxConnections = Infinity, maxConnectionsPerKey = Infinity }: Limits, random: () => number) {
    this.#maxConnections = maxConnections
    this.#maxPerKey = maxConnectionsPerKey
    this.#random = random
  }

  /** Takes a slot. @throws {Refused} with 503 if none is free. */
  enter(): Slot {
    if (this.#count >= this.#maxConnections) {
      throw new Refused(comeBack(503, 'The server has reached its limit of open event streams.', later, this.#random))
    }
    this.#count++
    return new Slot(this)
  }

  /** Counts a stream for a key. For `Slot` only. @throws {Refused} with 429 if the key has too many. */
  take(key: string): void {
    const taken = this.#perKey.get(key) ?? 0
    if (taken >= this.#maxPerKey) {
      throw new Refused(tooMany('This client has too many event streams or requests.', this.#random))
    }
    this.#perKey.set(key, taken + 1)
  }

  /** Frees a slot. For `Slot` only. */
  giveBack(key: string | undefined): void {
    this.#count--
    if (key === undefined) return
    const left = this.#perKey.get(key)! - 1
    if (left > 0) this.#perKey.set(key, left)
    else this.#perKey.delete(key)
  }
}

/** One slot within the limits, held from the arrival of a request to the end of its stream. */
export class Slot {
  readonly #limits: ConnectionLimits
  #key: string | undefined
  #released = false

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /** Counts the slot for a key too. @throws {Refused} with 429 if the key has too many. */
  claim(key: string | undefined): void {
    if (key === undefined || this.#released) return
    this.#limits.take(key)
    this.#key = key
  }

  /** Frees the slot. Further calls do nothing. */
  release(): void {
    if (this.#released) return
    this.#released = true
    this.#limits.giveBack(this.#key)
  }
}

/** `Retry-After` in seconds if another node can answer, or this one can in a moment. */
const soon = 1
/** `Retry-After` in seconds if other clients have to leave first. */
const later = 5

export function shuttingDown(random: () => number): Refusal {
  return comeBack(503, 'The server is shutting down.', soon, random)
}

/** The refusal of a request behind an unfinished response on the same connection, where a stream might wait for ever. */
export function pipelined(random: () => number): Refusal {
  return comeBack(503, 'Request the event stream on a connection without unfinished responses.', soon, random)
}

/** The refusal while the backplane does not answer. */
export function unavailable(random: () => number): Refusal {
  return comeBack(503, 'The events cannot be read at the moment.', soon, random)
}

/** The refusal of a client that has to end something else first. */
export function tooMany(message: string, random: () => number): Refusal {
  return comeBack(429, message, later, random)
}

/** Spreads clients over one to three times `seconds`, so that they do not all reconnect at once. */
function comeBack(status: number, message: string, seconds: number, random: () => number): Refusal {
  return { status, message, headers: { 'retry-after': String(seconds + Math.floor(random() * (2 * seconds + 1))) } }
}

/**
 * Turns a refusal with 429 or 503 into a stream that says when to reconnect, and ends. Native `EventSource` gives up for
 * good at any status but 200.
 *
 * @param retryMs The reconnection time if the refusal has no `Retry-After`.
 */
export function asStream(refusal: Refusal, retryMs: number): Refusal {
  if (refusal.status !== 429 && refusal.status !== 503) return refusal
  const seconds = refusal.headers?.['retry-after'] ?? ''
  const retry = /^\d{1,9}$/.test(seconds) ? Number(seconds) * 1000 : retryMs
  const message = encodeControlEvent({ type: 'rivulet:close', reason: 'busy', retry: true }, { retry })
  return { status: 200, message, headers: { ...refusal.headers, ...streamHeaders } }
}
