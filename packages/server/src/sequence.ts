/**
 * Positions of events, as a hybrid logical clock: `max(last + 1, milliseconds × 1024)`.
 *
 * They rise whatever the wall clock does, and go on rising after a restart, which a counter does not. A position stays
 * below 2^53 until the year 2248.
 */
export class Sequence {
  readonly #now: () => number
  #last: number
  /** What `clock` answered last: every later position is above it. */
  #floor = 0

  constructor(now: () => number) {
    this.#now = now
    this.#last = positionAt(now())
  }

  /** The last position given, or that of the clock's start. */
  get last(): number {
    return this.#last
  }

  next(): number {
    this.#last = Math.max(Math.max(this.#last, this.#floor) + 1, positionAt(this.#now()))
    return this.#last
  }

  /** The position just before the present millisecond. Every later event gets a higher one, even if the clock is set back. */
  clock(): number {
    this.#floor = Math.max(this.#floor, positionAt(this.#now()) - 1)
    return this.#floor
  }
}

/** The first position of a time in milliseconds. */
export function positionAt(ms: number): number {
  return Math.floor(ms) * 1024
}

/** The first whole millisecond that is after a position. */
export function timeAfter(position: number): number {
  return Math.floor(position / 1024) + 1
}

/** The position as the wire has it, in the `id:` field. */
export function formatPosition(position: number): string {
  return position.toString(36)
}

/** Reads a position. Returns `undefined` for what is none: it came from a client, so it may be anything. */
export function parsePosition(text: string): number | undefined {
  if (!/^[0-9a-z]{1,11}$/.test(text)) return undefined
  const position = Number.parseInt(text, 36)
  return Number.isSafeInteger(position) ? position : undefined
}
