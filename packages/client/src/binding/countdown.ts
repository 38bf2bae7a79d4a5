import type { Clock } from '@rivulet/core'

/**
 * Seconds from now until a time, rounded up. 0 once that time is over.
 *
 * @param until Time of the clock, in milliseconds since the Unix epoch: the `retryAt` of a connection's state.
 */
export function secondsUntil(clock: Clock, until: number): number {
  return Math.max(0, Math.ceil((until - clock.now()) / 1_000))
}

/** Calls the listener each time that the result of `secondsUntil` changes, until it is 0. Returns its undo. */
export function observeCountdown(clock: Clock, until: number, listener: () => void): () => void {
  let timer: unknown
  const wait = () => {
    const remainingMs = until - clock.now()
    if (remainingMs > 0) timer = clock.setTimeout(tick, remainingMs % 1_000 || 1_000)
  }
  const tick = () => {
    listener()
    wait()
  }
  wait()
  return () => clock.clearTimeout(timer)
}
