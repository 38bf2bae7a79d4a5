/**
 * Time and chance, as the client sees them. Replace it to run a stream on a fake clock; everything in the client that
 * waits or rolls dice goes through it.
 */
export interface Clock {
  /** The wall clock, in milliseconds since the Unix epoch. */
  now(): number
  /** Calls back once after `ms` milliseconds; the result is what `clearTimeout` takes. */
  setTimeout(callback: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
  /** A number from 0 up to, not including, 1. */
  random(): number
}

/** A timer overflows above this, and fires at once. */
const maxTimerMs = 2_147_483_647

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, ms) => setTimeout(callback, Math.min(ms, maxTimerMs)),
  clearTimeout: (timer) => clearTimeout(timer as number),
  random: () => Math.random(),
}
