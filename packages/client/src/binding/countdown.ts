import type { Clock } from '@rivulet/core'

/** The seconds until a time, rounded up; 0 where it is over. */
export function secondsUntil(clock: Clock, until: number): number {
  return Math.max(0, Math.ceil((until - clock.now()) / 1_000))
}

/** Calls the listener whenever `secondsUntil` has another result. Returns how to stop. */
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
