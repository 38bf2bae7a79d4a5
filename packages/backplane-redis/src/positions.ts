/** The highest position that this node knows to be given: a Redis that knows less has lost history. */
export class Positions {
  known = 0
  /** When it last learned that something was published, by `performance.now()`. */
  learnedAt = 0

  note(position: number): void {
    if (position <= this.known) return
    this.known = position
    this.learnedAt = performance.now()
  }

  /** Something without a position was published. */
  noteLiveOnly(): void {
    this.learnedAt = performance.now()
  }
}
