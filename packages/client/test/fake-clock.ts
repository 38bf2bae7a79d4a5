import type { Clock } from '../src/clock.js'

/** A clock that stands still until it is told. */
export class FakeClock implements Clock {
  time = 1_000_000
  /** What `random` returns. */
  chance = 0
  readonly #timers = new Map<number, { at: number; callback: () => void }>()
  #lastTimer = 0

  now(): number {
    return this.time
  }

  setTimeout(callback: () => void, ms: number): number {
    this.#timers.set(++this.#lastTimer, { at: this.time + ms, callback })
    return this.#lastTimer
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as number)
  }

  random(): number {
    return this.chance
  }

  /** How long until each timer that is set, shortest first. */
  get pending(): number[] {
    return [...this.#timers.values()].map(({ at }) => at - this.time).sort((a, b) => a - b)
  }

  /** Lets time pass, with the timers that fall due in it. */
  advance(ms: number): void {
    const end = this.time + ms
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0]
      if (!due) break
      const [timer, { at, callback }] = due
      this.#timers.delete(timer)
      this.time = Math.max(this.time, at)
      callback()
    }
    this.time = end
  }

  /** The machine sleeps: the wall clock goes on, the timers do not. */
  sleep(ms: number): void {
    this.time += ms
    for (const timer of this.#timers.values()) timer.at += ms
  }
}
