import { AsyncResource } from 'node:async_hooks'
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
    // A timer belongs to whoever set it, as fake tabs tell apart by that.
    this.#timers.set(++this.#lastTimer, { at: this.time + ms, callback: AsyncResource.bind(callback) })
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
      let next: number | undefined
      let nextAt = Number.POSITIVE_INFINITY
      for (const [timer, { at }] of this.#timers) {
        if (at < nextAt) [next, nextAt] = [timer, at]
      }
      if (next === undefined || nextAt > end) break
      const { callback } = this.#timers.get(next) as { callback: () => void }
      this.#timers.delete(next)
      this.time = Math.max(this.time, nextAt)
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
