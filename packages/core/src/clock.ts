/** Time, randomness and scheduling behind one seam. Tests replace it with `FakeClock` from `@rivulet/testing`. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** A number from 0 (inclusive) to 1 (exclusive). */
  random(): number
  /** Calls back once after `ms` milliseconds. Returns the timer for `clearTimeout`. */
  setTimeout(callback: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
  /** Calls back after the current turn of the event loop, and after pending I/O. */
  defer(callback: () => void): void
}

/** The longest delay of a timer, in milliseconds. Platforms fire timers with longer delays at once. */
export const maxTimerMs = 2_147_483_647

/** The platform's clock. It shortens longer delays to `maxTimerMs`. */
export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  setTimeout: (callback, ms) => setTimeout(callback, Math.min(ms, maxTimerMs)),
  clearTimeout: (timer) => clearTimeout(timer as number),
  // Looked up on each call: browsers and workers lack setImmediate, and tests may replace it.
  defer: (callback) => void (typeof setImmediate === 'function' ? setImmediate(callback) : setTimeout(callback, 0)),
}
