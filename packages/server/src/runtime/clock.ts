/** Time, chance and scheduling of one manager, in one place, so that tests can drive them. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** From 0 up to, not including, 1. */
  random(): number
  setTimeout(callback: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
  /** Runs the callback after the current turn of the event loop, I/O that is ready first. */
  defer(callback: () => void): void
}

/** The longest time that a timer takes; one set for longer would fire at once. */
export const maxTimerMs = 2_147_483_647

/** The real thing. Its timers do not keep a process alive: that is for the connections to do. */
export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  setTimeout(callback, ms) {
    const timer: unknown = setTimeout(callback, Math.min(ms, maxTimerMs))
    // A number in browsers and workers, an object in Node.js and its like.
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as NodeJS.Timeout).unref()
    return timer
  },
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
  // Looked up at each call: workers have no setImmediate, and a test may replace it.
  defer: (callback) => void (typeof setImmediate === 'function' ? setImmediate(callback) : setTimeout(callback, 0)),
}
