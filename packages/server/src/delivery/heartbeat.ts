import type { Clock } from '@rivulet/core'
import { encodeMessage } from '@rivulet/core'
import { ConfigurationError } from '../runtime/errors.js'
import { Payload } from '../sinks/payload.js'

export interface HeartbeatOptions {
  /** The longest time in milliseconds that a stream is silent before it gets a heartbeat. @default 30_000 */
  intervalMs?: number
  /**
   * The form of a heartbeat.
   *
   * - `comment`: invisible to handlers.
   * - `event`: an event named `heartbeat`, for native `EventSource`, which cannot see comments.
   *
   * @default 'comment'
   */
  as?: 'comment' | 'event'
}

/** A connection that gets heartbeats. */
export interface HeartbeatTarget {
  /** The time of the last write, in milliseconds since the Unix epoch. */
  readonly lastWriteAt: number
  /** The slot in which it is due. Belongs to the service; a map of all connections would take more memory. */
  heartbeatSlot: Set<HeartbeatTarget> | undefined
  /** Writes a heartbeat, unless other bytes are still buffered. */
  beat(payload: Payload): void
}

/** The number of slots in the interval. A heartbeat is at most one slot late. */
const slotCount = 32
/** The part of the interval for which a connection must be idle to get a heartbeat: the three quarters of `#put`, less a slot. */
const minIdle = 0.7

/**
 * Sends the heartbeats of all connections, with one timer. Each connection is checked when it is due, about once an
 * interval. If it was written to in the meantime, the heartbeat is put off.
 */
export class HeartbeatService {
  /** The longest silence, as announced to clients, in milliseconds. 0 without heartbeats. */
  readonly intervalMs: number
  readonly #clock: Clock
  readonly #payload: Payload
  readonly #slots: Set<HeartbeatTarget>[] = Array.from({ length: slotCount }, () => new Set<HeartbeatTarget>())
  #connections = 0
  #next = 0
  #timer: unknown

  /** @throws {ConfigurationError} if the interval is not at least 1 ms. */
  constructor(clock: Clock, options: HeartbeatOptions | false = {}) {
    const { intervalMs = 30_000, as = 'comment' } = options || {}
    if (!(intervalMs >= 1)) {
      throw new ConfigurationError(
        'heartbeat.intervalMs',
        intervalMs,
        'Pass 1 or more milliseconds, or heartbeat: false for none.',
      )
    }
    this.#clock = clock
    this.intervalMs = options === false ? 0 : intervalMs
    this.#payload = new Payload(encodeMessage(as === 'event' ? { event: 'heartbeat', data: '{}' } : { comment: '' }))
  }

  add(connection: HeartbeatTarget): void {
    if (this.intervalMs === 0) return
    this.#connections++
    const now = this.#clock.now()
    this.#put(connection, now, now)
    this.#timer ??= this.#clock.setTimeout(() => this.#tick(), this.#slotMs)
  }

  remove(connection: HeartbeatTarget): void {
    if (!connection.heartbeatSlot?.delete(connection)) return
    connection.heartbeatSlot = undefined
    if (--this.#connections > 0) return
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  get #slotMs(): number {
    return this.intervalMs / slotCount
  }

  #tick(): void {
    this.#timer = this.#clock.setTimeout(() => this.#tick(), this.#slotMs)
    const due = this.#slots[this.#next]!
    this.#next = (this.#next + 1) % slotCount
    const now = this.#clock.now()
    // Iterates over a copy: a connection put off by a whole round lands in this same slot.
    for (const connection of [...due]) {
      // An earlier heartbeat may have closed this connection.
      if (!due.has(connection)) continue
      const { lastWriteAt } = connection
      if (now - lastWriteAt < this.intervalMs * minIdle) {
        this.#put(connection, lastWriteAt, now)
      } else {
        connection.beat(this.#payload)
        // Not if the write failed: the connection is closed and removed then.
        if (due.has(connection)) this.#put(connection, now, now)
      }
    }
  }

  /**
   * Puts a connection into the slot in which it is due. Spreads connections that fell silent together, for example after a
   * broadcast, over the last quarter of the interval.
   */
  #put(connection: HeartbeatTarget, lastWriteAt: number, now: number): void {
    connection.heartbeatSlot?.delete(connection)
    const dueAt = lastWriteAt + this.intervalMs * (1 - this.#clock.random() / 4)
    const slots = Math.floor((dueAt - now) / this.#slotMs)
    const slot = this.#slots[(this.#next + Math.min(Math.max(slots, 0), slotCount - 1)) % slotCount]!
    slot.add(connection)
    connection.heartbeatSlot = slot
  }
}
