/**
 * Positions of events, as a hybrid logical clock: `max(last + 1, milliseconds × 1024)`.
 *
 * They increase whatever the wall clock does, also across a restart, unlike a counter. They stay below 2^53 until the
 * year 2248.
 */
export class Sequence {
  readonly #now: () => number
  #last: number

  /** @param now The time in milliseconds. It must never go back. */
  constructor(now: () => number) {
    this.#now = now
    this.#last = positionAt(now())
  }

  /** Every later position is higher than this one. */
  get last(): number {
    return this.#last
  }

  next(): number {
    this.#last = Math.max(this.#last + 1, positionAt(this.#now()))
    return this.#last
  }

  /** Skips to just before a time. @returns The position there: every later one is higher, even if the clock is set back. */
  pass(time: number): number {
    const position = positionAt(time) - 1
    this.#last = Math.max(this.#last, position)
    return position
  }
}

/**
 * Returns the first position that an event of a time can have. For backplanes: a position is `milliseconds × 1024` or more.
 *
 * @param ms The time in milliseconds since the Unix epoch.
 * @example
 * positionAt(Date.now() - maxAgeMs) // The position of the oldest event that is young enough, or before it.
 */
export function positionAt(ms: number): number {
  return Math.floor(ms) * 1024
}

/**
 * Returns the first whole millisecond, since the Unix epoch, that begins after a position.
 *
 * @example
 * timeAfter(position) + maxAgeMs // The time at which the event is too old.
 */
export function timeAfter(position: number): number {
  return Math.floor(position / 1024) + 1
}

/** Formats a position as the wire has it in the `id:` field. */
export function formatPosition(position: number): string {
  return position.toString(36)
}

/** Parses a position. Returns `undefined` for any other text: it comes from a client. */
export function parsePosition(text: string): number | undefined {
  if (!/^[0-9a-z]{1,11}$/.test(text)) return undefined
  const position = Number.parseInt(text, 36)
  return Number.isSafeInteger(position) ? position : undefined
}
