import type { Clock } from '@rivulet/client'
import { observeCountdown, secondsUntil } from '@rivulet/client/binding'
import { useCallback, useSyncExternalStore } from 'react'

/** Seconds until a time of the clock, rounded up. `undefined` without a time. Renders once a second. */
export function useCountdown(clock: Clock, until: number | undefined): number | undefined {
  const subscribe = useCallback(
    (listener: () => void) => (until === undefined ? () => {} : observeCountdown(clock, until, listener)),
    [clock, until],
  )
  return useSyncExternalStore(
    subscribe,
    () => (until === undefined ? undefined : secondsUntil(clock, until)),
    () => undefined,
  )
}
