import type { Clock } from '@rivulet/core'
import type { Pace } from './pace.js'

/** A source of writes, in steps. */
export interface Writer {
  /** Writes to live connections. Such writers get every other share, however many others wait. */
  readonly servesLive: boolean
  /**
   * Writes at least one step, and more until the deadline. MUST NOT throw.
   *
   * @returns True if nothing is left to write for now.
   */
  write(now: () => number, deadline: number): boolean
}

/** The time in milliseconds that writing may take in one turn of the event loop. */
const turnMs = 10
/** The time in milliseconds that one writer may take while others wait. */
const shareMs = 2

export interface LineOptions {
  /** Called with the duration of each turn in milliseconds. */
  readonly onTurn: (ms: number) => void
  /** Gathers events over several turns of the event loop. `undefined` if they are written at the end of their own. */
  readonly pace: Pace | undefined
  /** The number of writes to connections so far. */
  readonly writes: () => number
}

/**
 * Serves writers in turns. A writer that is not done after its share goes to the end of the line, so nobody waits for
 * more than one share of each other writer, and requests and timers wait for one turn at most. Writers that serve live
 * connections wait for no more others than there are of their own kind.
 */
export class Line {
  readonly #clock: Clock
  readonly #onTurn: (ms: number) => void
  readonly #pace: Pace | undefined
  readonly #writes: () => number
  readonly #live = new Set<Writer>()
  readonly #others = new Set<Writer>()
  /** Kept from turn to turn: a turn may last for one share only. */
  #liveNext = true
  #scheduled = false
  /** Ends the pause in which events are gathered. `undefined` if no turn waits for that. */
  #timer: unknown

  constructor(clock: Clock, { onTurn, pace, writes }: LineOptions) {
    this.#clock = clock
    this.#onTurn = onTurn
    this.#pace = pace
    this.#writes = writes
  }

  /** @param urgent False if the writer may wait for the end of a pause. */
  add(writer: Writer, urgent = true): void {
    this.#setOf(writer).add(writer)
    const left = urgent || this.#scheduled || !this.#pace ? 0 : this.#pace.left(this.#clock.now())
    if (left === 0) this.#schedule()
    else this.#timer ??= this.#clock.setTimeout(() => this.#turn(), left)
  }

  remove(writer: Writer): void {
    this.#setOf(writer).delete(writer)
  }

  #setOf({ servesLive }: Writer): Set<Writer> {
    return servesLive ? this.#live : this.#others
  }

  #next(): Writer | undefined {
    const [first, second] = this.#liveNext ? [this.#live, this.#others] : [this.#others, this.#live]
    this.#liveNext = !this.#liveNext
    for (const writer of first) return writer
    for (const writer of second) return writer
    return undefined
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#clock.defer(() => this.#turn())
  }

  #turn(): void {
    this.#scheduled = false
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    const { now } = this.#clock
    const start = now()
    const writes = this.#writes()
    let time = start
    for (let writer = this.#next(); writer; writer = this.#next()) {
      const waiting = this.#setOf(writer)
      waiting.delete(writer)
      const done = writer.write(now, time + shareMs)
      // Behind all others: it is served again in this turn if time is left.
      if (!done) waiting.add(writer)
      time = now()
      if (time - start >= turnMs) break
    }
    // The wall clock may have been set back during the turn.
    const ms = Math.max(0, time - start)
    this.#onTurn(ms)
    this.#pace?.served(time, ms, this.#writes() - writes)
    if (this.#live.size > 0 || this.#others.size > 0) this.#schedule()
  }
}
