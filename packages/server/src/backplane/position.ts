/**
 * Positions of events, as a hybrid logical clock: `max(last + 1, milliseconds × 1024)`.
 *
 * They rise whatever the wall clock does, and go on rising after a restart, which a counter does not. A position stays
 * below 2^53 until the year 2248.
 */
export class Sequence {
  readonly #now: () => number
  #last: number

  /** @param now The time in milliseconds; it never goes back. */
  constructor(now: () => number) {
    this.#now = now
    this.#last = positionAt(now())
  }

  /** Every later position is above this one. */
  get last(): number {
    return this.#last
  }

  next(): number {
    this.#last = Math.max(this.#last + 1, positionAt(this.#now()))
    return this.#last
  }

  /** The position just before a time, which is passed by now: every later one is above it, even if the clock is set back. */
  pass(time: number): number {
    const position = positionAt(time) - 1
    this.#last = Math.max(this.#last, position)
    return position
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
