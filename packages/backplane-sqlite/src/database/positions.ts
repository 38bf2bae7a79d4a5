import type { Clock } from '@rivulet/core'
import { positionAt, timeAfter } from '@rivulet/server'

/** Distance of the horizon when it is stored, in milliseconds. One write per period moves it. */
const leadMs = 10_000
/** Distance at which the horizon is moved on, in milliseconds: enough for the transaction that moves it. */
const marginMs = 1_000

/**
 * Time and positions that only rise, whatever the system clock does, and across restarts.
 *
 * The horizon is the highest position that a client may have. It is stored before clients get such positions, and after a
 * restart positions begin beyond it. That covers positions made from the time alone, which are not stored, and events that a
 * power failure destroys.
 */
export class Positions {
  /** Every later position of an event is higher than this one. */
  last: number
  horizon: number
  readonly #clock: Pick<Clock, 'now'>
  /** The last time that was returned. */
  #time: number
  /** Difference from the system clock, if that was set back. */
  #offset: number

  /** @param stored The values of the previous process, or `undefined` for a new database. */
  constructor(clock: Pick<Clock, 'now'>, stored: { position: number; horizon: number } | undefined) {
    this.#clock = clock
    const now = clock.now()
    // The horizon was made from a time that the clock has shown.
    this.#time = Math.max(now, stored ? timeAfter(stored.horizon) - 1 - leadMs : now)
    this.#offset = this.#time - now
    this.last = stored ? Math.max(stored.position, stored.horizon, positionAt(this.#time)) : positionAt(now)
    this.horizon = stored?.horizon ?? this.last
  }

  /** Returns the time in milliseconds. It continues if the system clock is set back. */
  now(): number {
    const time = this.#clock.now() + this.#offset
    if (time < this.#time) this.#offset += this.#time - time
    this.#time = Math.max(time, this.#time)
    return this.#time
  }

  next(): number {
    this.last = Math.max(this.last + 1, positionAt(this.now()))
    return this.last
  }

  /** The horizon to store now: well beyond the present, or where it was if it still is. */
  nextHorizon(): number {
    const now = this.now()
    return positionAt(now + marginMs) < this.horizon ? this.horizon : positionAt(now + leadMs)
  }

  /** Skips to just before the present, within the horizon. @returns The position there. */
  pass(): number {
    const position = Math.min(positionAt(this.now()) - 1, this.horizon)
    this.last = Math.max(this.last, position)
    return position
  }
}
