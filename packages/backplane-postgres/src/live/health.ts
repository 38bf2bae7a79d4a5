/** A part of the backplane that can fail by itself. */
export type Part = 'feed' | 'listener' | 'sweeper'

/** Reports when a first part fails, and when the last one works again. */
export class Health {
  readonly #report: (error: unknown) => void
  readonly #failing = new Set<Part>()

  /** @param report Receives the error of a part, or `undefined` when everything works again. */
  constructor(report: (error: unknown) => void) {
    this.#report = report
  }

  /** Call this with each failure: it is reported once, not with each attempt. */
  failed(part: Part, error: unknown): void {
    if (this.#failing.has(part)) return
    this.#failing.add(part)
    this.#report(error)
  }

  works(part: Part): void {
    if (this.#failing.delete(part) && this.#failing.size === 0) this.#report(undefined)
  }
}
