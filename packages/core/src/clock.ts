/** Time, chance and scheduling in one place, so that tests can drive them. `FakeClock` of `@rivulet/testing` is one for tests. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** A number from 0 up to, not including, 1. */
  random(): number
  /** Calls back once after `ms` milliseconds; returns the timer for `clearTimeout`. */
  setTimeout(callback: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
  /** Calls back after the current turn of the event loop, behind I/O that is ready. */
  defer(callback: () => void): void
}

/** The longest delay of a timer, in milliseconds. Platforms fire a timer with a longer one at once. */
export const maxTimerMs = 2_147_483_647

/** The clock of the platform. A delay over `maxTimerMs` is shortened to it. */
export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  setTimeout: (callback, ms) => setTimeout(callback, Math.min(ms, maxTimerMs)),
  clearTimeout: (timer) => clearTimeout(timer as number),
  // Looked up at each call: browsers and workers have no setImmediate, and a test may replace it.
  defer: (callback) => void (typeof setImmediate === 'function' ? setImmediate(callback) : setTimeout(callback, 0)),
}
