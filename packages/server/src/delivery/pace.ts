import { ConfigurationError } from '../runtime/errors.js'
import { endsStream } from './frame.js'

export interface CoalescingOptions {
  /**
   * The longest time in milliseconds that an event waits for others, from 1 to 20. It waits for less while writing costs
   * little, and not at all if nothing was written for that time. @default 20
   */
  maxDelayMs?: number
  /** The names of the events that do not wait. Whatever waits for their connections is written with them. @default [] */
  urgent?: readonly string[]
}

/** The assumed cost of a write to one connection, in milliseconds: some clocks do not show less than 1 ms. */
const writeMs = 0.001
/** The time that events are gathered for each millisecond that the last turn of writing took. */
const restPerMs = 20

/**
 * Decides when the waiting events are written: the longer the last turn of writing took, the longer the pause after it, so
 * that each write carries more events as the load rises. While a turn costs little there is no pause.
 */
export class Pace {
  readonly #maxDelayMs: number
  readonly #urgent: ReadonlySet<string>
  /** The end of the pause. */
  #pausedUntil = 0

  /** @throws {ConfigurationError} if an option has an invalid value. */
  constructor({ maxDelayMs = 20, urgent = [] }: CoalescingOptions = {}) {
    if (!(maxDelayMs >= 1 && maxDelayMs <= 20)) {
      throw new ConfigurationError('coalescing.maxDelayMs', maxDelayMs, 'Pass 1 to 20 milliseconds.')
    }
    if (!Array.isArray(urgent))
      throw new ConfigurationError('coalescing.urgent', urgent, 'Pass an array of event names.')
    this.#maxDelayMs = maxDelayMs
    this.#urgent = new Set(urgent)
  }

  isUrgent(type: string): boolean {
    return this.#urgent.has(type) || endsStream(type)
  }

  /** The time in milliseconds that is left of the pause; 0 without one. */
  left(now: number): number {
    // The clock may have been set back.
    return Math.min(Math.max(0, this.#pausedUntil - now), this.#maxDelayMs)
  }

  /** Call this after each turn of writing. @param writes The number of writes to connections. */
  served(now: number, ms: number, writes: number): void {
    const pause = Math.min(Math.max(ms, writes * writeMs) * restPerMs, this.#maxDelayMs)
    // Timers count whole milliseconds.
    this.#pausedUntil = pause < 1 ? 0 : now + pause
  }
}
