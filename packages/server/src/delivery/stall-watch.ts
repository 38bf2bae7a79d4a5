import type { Clock } from '@rivulet/core'

/** A connection that has bytes waiting. */
export interface Watched {
  /** Bytes that were ever written while others waited before them. */
  readonly bytesQueued: number
  /** Bytes that were written and have not been sent yet. */
  readonly bufferedBytes: number
  /** Called when it has taken no byte for the whole timeout. */
  onStall(): void
}

/** How often it looks, within one timeout. */
const looksPerTimeout = 8

/**
 * Watches the connections that have bytes waiting, by one timer, and notices those that take none for too long. A slow
 * connection that goes on taking some is left alone.
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
    // What was told of a stall may have added one, and with it the timer.
    if (this.#watched.size > 0) {
      this.#timer ??= this.#clock.setTimeout(() => this.#look(), this.#timeoutMs / looksPerTimeout)
    }
  }
}

function takenBy({ bytesQueued, bufferedBytes }: Watched): number {
  return bytesQueued - bufferedBytes
}
