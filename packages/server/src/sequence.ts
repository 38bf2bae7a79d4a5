/**
 * Positions of events, as a hybrid logical clock: `max(last + 1, milliseconds × 1024)`.
 *
 * They rise whatever the wall clock does, and go on rising after a restart, which a counter does not. A position stays
 * below 2^53 until the year 2248.
 */
export class Sequence {
  readonly #now: () => number
  #last: number

  constructor(now: () => number) {
    this.#now = now
    this.#last = positionAt(now())
  }

  /** The last position given, or that of the clock's start. */
  get last(): number {
    return this.#last
  }

  next(): number {
    this.#last = Math.max(this.#last + 1, positionAt(this.#now()))
    return this.#last
  }
}

/** The first position of a time in milliseconds. */
export function positionAt(ms: number): number {
  return Math.floor(ms) * 1024
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
