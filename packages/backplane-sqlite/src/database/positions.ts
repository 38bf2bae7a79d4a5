import type { Clock } from '@rivulet/core'
import { positionAt, timeAfter } from '@rivulet/server'

/** Time that the horizon lies ahead when it is stored, in milliseconds. One write per period moves it. */
const leadMs = 10_000
/** Time before the horizon at which it is moved, in milliseconds: enough for the transaction that does so. */
const marginMs = 1_000

/**
 * Time and positions that rise whatever the system clock does, also over restarts.
 *
 * The horizon bounds the positions that clients may have, and is stored before they get any: after a restart, positions begin
 * beyond it. That covers positions made from the time alone, which are not stored, and events that a power failure takes.
 */
export class Positions {
  /** Every later position of an event is higher than this one. */
  last: number
  horizon: number
  readonly #clock: Pick<Clock, 'now'>
  /** The last time told. */
  #time: number
  /** Difference to the system clock, where that went back. */
  #offset: number

  /** @param stored The values of the previous process, or `undefined` for a new database. */
  constructor(clock: Pick<Clock, 'now'>, stored: { position: number; horizon: number } | undefined) {
    this.#clock = clock
    const now = clock.now()
    // The horizon was made from a time that the clock really showed.
    this.#time = Math.max(now, stored ? timeAfter(stored.horizon) - 1 - leadMs : now)
    this.#offset = this.#time - now
    this.last = stored ? Math.max(stored.position, stored.horizon, positionAt(this.#time)) : positionAt(now)
    this.horizon = stored?.horizon ?? this.last
  }

  /** Returns the time in milliseconds. It goes on where the system clock is set back. */
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
