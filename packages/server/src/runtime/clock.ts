import { type Clock, systemClock } from '@rivulet/core'

/** The system's clock with timers that do not keep a process alive: its connections do. */
export const backgroundClock: Clock = {
  ...systemClock,
  setTimeout(callback, ms) {
    const timer = systemClock.setTimeout(callback, ms)
    // A number in browsers and workers, an object in Node.js and its like.
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as NodeJS.Timeout).unref()
    return timer
  },
}

/** A clock whose methods are functions of their own, as they are passed on alone. */
export function bindClock(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    random: () => clock.random(),
    setTimeout: (callback, ms) => clock.setTimeout(callback, ms),
    clearTimeout: (timer) => clock.clearTimeout(timer),
    defer: (callback) => clock.defer(callback),
  }
}
