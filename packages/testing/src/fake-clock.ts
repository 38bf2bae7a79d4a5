import type { Clock } from '@rivulet/core'

/**
 * A clock that stands still until a test lets time pass. It drives whatever takes a `Clock`: an `EventStreamService`, an
 * `EventManager`, a `MemoryBackplane`.
 */
export class FakeClock implements Clock {
  /** The result of `random`: at least 0, less than 1. It is the jitter of a retry's delay, for example; 0 gives none. */
  chance = 0
  #now: number
  readonly #timers = new Map<number, { at: number; readonly callback: () => void }>()
  #lastTimer = 0
  #deferred: (() => void)[] = []

  /** @param now The time at the start, in milliseconds since the Unix epoch. @default 2030-01-01T00:00:00Z */
  constructor(now: number = Date.UTC(2030, 0, 1)) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  random(): number {
    return this.chance
  }

  setTimeout(callback: () => void, ms: number): number {
    this.#timers.set(++this.#lastTimer, { at: this.#now + ms, callback })
    return this.#lastTimer
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as number)
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback)
  }

  /** The number of timers that are set. */
  get timers(): number {
    return this.#timers.size
  }

  /** The milliseconds until each timer that is set, shortest first. */
  get pending(): number[] {
    return [...this.#timers.values()].map(({ at }) => at - this.#now).sort((one, other) => one - other)
  }

  /** Ends a turn of the event loop: calls the functions that were deferred before. Time stands still. */
  turn(): void {
    for (const callback of this.#deferred.splice(0)) callback()
  }

  /** Lets `ms` milliseconds pass. Calls deferred functions and due timers, in order. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      while (this.#deferred.length > 0) this.turn()
      let next: number | undefined
      let nextAt = Number.POSITIVE_INFINITY
      for (const [timer, { at }] of this.#timers) {
        if (at < nextAt) [next, nextAt] = [timer, at]
      }
      if (next === undefined || nextAt > end) break
      const { callback } = this.#timers.get(next) as { callback: () => void }
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, nextAt)
      callback()
    }
    this.#now = end
  }

  /** Lets the machine sleep for `ms` milliseconds: the wall clock goes on, and the timers stand still. */
  sleep(ms: number): void {
    this.#now += ms
    for (const timer of this.#timers.values()) timer.at += ms
  }
}
