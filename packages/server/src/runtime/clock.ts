import { type Clock, systemClock } from '@rivulet/core'

/** The system clock with timers that do not keep the process alive. */
export const backgroundClock: Clock = {
  ...systemClock,
  setTimeout(callback, ms) {
    const timer = systemClock.setTimeout(callback, ms)
    // Timers are numbers in browsers and workers, objects in Node.js, Bun and Deno.
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as NodeJS.Timeout).unref()
    return timer
  },
}

/** Binds the methods of a clock, so that each can be passed on its own. */
export function bindClock(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    random: () => clock.random(),
    setTimeout: (callback, ms) => clock.setTimeout(callback, ms),
    clearTimeout: (timer) => clock.clearTimeout(timer),
    defer: (callback) => clock.defer(callback),
  }
}
