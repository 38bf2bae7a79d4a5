import type { Clock } from '@rivulet/core'
import { encodeMessage } from '@rivulet/core'
import { ConfigurationError } from '../runtime/errors.js'
import { Payload } from '../sinks/payload.js'

export interface HeartbeatOptions {
  /** After how many milliseconds without any byte a stream gets a heartbeat, at the latest. @default 30_000 */
  intervalMs?: number
  /**
   * - `comment`: invisible to handlers.
   * - `event`: an event named `heartbeat`, for a native `EventSource` that watches its stream: it cannot see comments.
   * @default 'comment'
   */
  as?: 'comment' | 'event'
}

/** A connection that gets heartbeats. */
export interface Beating {
  /** When bytes last went to it, in milliseconds since the Unix epoch. */
  readonly lastWriteAt: number
  /** Writes a heartbeat, unless bytes are waiting anyway. */
  beat(payload: Payload): void
}

/** Into how many slots the interval is divided: a heartbeat comes at most one slot late. */
const slotCount = 32
/** Which part of the interval a connection has to be idle to get one: the three quarters of `#put`, less a slot. */
const minIdle = 0.7

/**
 * Heartbeats of all connections by one timer. Each connection is looked at when it is due, which is about once an
 * interval; one that was written to since then is only put off.
 */
export class HeartbeatService {
  /** What clients are told: no silence is longer. 0: no heartbeats. */
  readonly intervalMs: number
  readonly #clock: Clock
  readonly #payload: Payload
  readonly #slots: Set<Beating>[] = Array.from({ length: slotCount }, () => new Set<Beating>())
  readonly #slotOf = new Map<Beating, Set<Beating>>()
  #next = 0
  #timer: unknown

  /** @throws {ConfigurationError} when the interval is no number of milliseconds from 1 up. */
  constructor(clock: Clock, options: HeartbeatOptions | false = {}) {
    const { intervalMs = 30_000, as = 'comment' } = options || {}
    if (!(intervalMs >= 1)) {
      throw new ConfigurationError(
        'heartbeat.intervalMs',
        intervalMs,
        'Give milliseconds, 1 or more, or heartbeat: false for none.',
      )
    }
    this.#clock = clock
    this.intervalMs = options === false ? 0 : intervalMs
    this.#payload = new Payload(encodeMessage(as === 'event' ? { event: 'heartbeat', data: '{}' } : { comment: '' }))
  }

  add(connection: Beating): void {
    if (this.intervalMs === 0) return
    this.#put(connection, this.#clock.now())
    this.#timer ??= this.#clock.setTimeout(() => this.#tick(), this.#slotMs)
  }

  remove(connection: Beating): void {
    this.#slotOf.get(connection)?.delete(connection)
    this.#slotOf.delete(connection)
    if (this.#slotOf.size > 0) return
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
    // A connection put off by a whole round lands in this very slot: only those of now are due.
    for (const connection of [...due]) {
      // What one of them ran may have closed the next one.
      if (!due.has(connection)) continue
      const { lastWriteAt } = connection
      if (now - lastWriteAt < this.intervalMs * minIdle) {
        this.#put(connection, lastWriteAt)
      } else {
        connection.beat(this.#payload)
        // One whose response failed at this is closed, and was removed.
        if (due.has(connection)) this.#put(connection, now)
      }
    }
  }

  /**
   * Puts a connection where it is due. Connections that fell silent together, as after a broadcast, are spread over the
   * interval's last quarter, so that they do not all beat at once.
   */
  #put(connection: Beating, lastWriteAt: number): void {
    this.#slotOf.get(connection)?.delete(connection)
    const dueAt = lastWriteAt + this.intervalMs * (1 - this.#clock.random() / 4)
    const slots = Math.floor((dueAt - this.#clock.now()) / this.#slotMs)
    const slot = this.#slots[(this.#next + Math.min(Math.max(slots, 0), slotCount - 1)) % slotCount]!
    slot.add(connection)
    this.#slotOf.set(connection, slot)
  }
}
