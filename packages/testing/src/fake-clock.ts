import type { Clock } from '@rivulet/client'

/** A clock that stands still until a test lets time pass. */
export class FakeClock implements Clock {
  /** What `random` returns: the jitter of a retry's delay, from 0 (none) up to, not including, 1. */
  chance = 0
  #now: number
  readonly #timers = new Map<number, { readonly at: number; readonly callback: () => void }>()
  #lastTimer = 0

  /** @param now Where the clock begins, in milliseconds since the Unix epoch. @default 2030-01-01T00:00:00Z */
  constructor(now: number = Date.UTC(2030, 0, 1)) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  setTimeout(callback: () => void, ms: number): number {
    this.#timers.set(++this.#lastTimer, { at: this.#now + ms, callback })
    return this.#lastTimer
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as number)
  }

  random(): number {
    return this.chance
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size
  }

  /** Lets time pass, in milliseconds, and calls what falls due in it. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const [timer, due] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? []
      if (timer === undefined || due === undefined || due.at > end) break
      this.#timers.delete(timer)
      this.#now = Math.max(this.#now, due.at)
      due.callback()
    }
    this.#now = end
  }
}
