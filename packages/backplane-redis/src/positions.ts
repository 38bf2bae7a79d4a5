/** The highest position that this node knows to be given: a Redis that knows less has lost history. */
export class Positions {
  known = 0

  note(position: number): void {
    if (position > this.known) this.known = position
  }
}
