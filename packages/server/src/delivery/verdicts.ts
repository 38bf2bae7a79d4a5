import type { Frame } from './frame.js'

/** The number of events that are remembered, at eight bytes each. Beyond it a filter is asked again. */
const maxRemembered = 32_768

/**
 * A filter's verdicts on events that a stream gets later. They were counted before the stream opened, and the filter should
 * run once for each.
 */
export class Verdicts {
  readonly #ask: (frame: Frame) => boolean
  /** The positions of the events that passed, ascending. */
  readonly #passed: number[] = []
  /** Every event up to this position was asked about, and is remembered if it passed. */
  #through = 0
  #next = 0

  constructor(ask: (frame: Frame) => boolean) {
    this.#ask = ask
  }

  /** Asks the filter about the next event. Call it in the order of positions. */
  ask(frame: Frame): boolean {
    const passes = this.#ask(frame)
    if (this.#passed.length < maxRemembered) {
      this.#through = frame.position!
      if (passes) this.#passed.push(frame.position!)
    }
    return passes
  }

  /** The filter's verdict on an event: the remembered one, or a new one. Call it in the order of positions. */
  of(frame: Frame): boolean {
    const position = frame.position!
    if (position > this.#through) return this.#ask(frame)
    while (this.#passed[this.#next]! < position) this.#next++
    return this.#passed[this.#next] === position
  }
}
