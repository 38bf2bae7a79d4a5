import type { Clock } from '@rivulet/core'

// Closes stalled connections: those whose client takes nothing for `stallTimeoutMs`.

/** A connection with buffered bytes. */
export interface Watched {
  /** The total of all bytes that were written behind buffered bytes. Never decreases. */
  readonly bytesQueued: number
  /** Bytes that were written but not yet sent. */
  readonly bufferedBytes: number
  /** Called when the connection has taken no byte for the whole timeout. */
  onStall(): void
}

/** The number of checks within one timeout. */
const looksPerTimeout = 8

/**
 * Finds connections that take none of their buffered bytes for too long, with one timer for all. A slow connection that
 * keeps taking some is left alone.
 */
export class StallWatch {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #watched = new Map<Watched, { taken: number; takenAt: number }>()
  #timer: unknown

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  add(watched: Watched): void {
    if (this.#watched.has(watched)) return
    this.#watched.set(watched, { taken: takenBy(watched), takenAt: this.#clock.now() })
    this.#timer ??= this.#clock.setTimeout(() => this.#look(), this.#timeoutMs / looksPerTimeout)
  }

  delete(watched: Watched): void {
    this.#watched.delete(watched)
    if (this.#watched.size > 0) return
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    this.#timer = undefined
    const now = this.#clock.now()
    for (const [watched, entry] of this.#watched) {
      const taken = takenBy(watched)
      if (taken > entry.taken) {
        entry.taken = taken
        entry.takenAt = now
      } else if (now - entry.takenAt >= this.#timeoutMs) {
        watched.onStall()
      }
    }
    // `onStall` may have added a connection, and with it the timer.
    if (this.#watched.size > 0) {
      this.#timer ??= this.#clock.setTimeout(() => this.#look(), this.#timeoutMs / looksPerTimeout)
    }
  }
}

function takenBy({ bytesQueued, bufferedBytes }: Watched): number {
  return bytesQueued - bufferedBytes
}
