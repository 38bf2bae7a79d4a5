import { useSyncExternalStore } from 'react'

const subscribe = () => () => {}

/** Returns true if this render must match the server's: on a server, and while hydrating its page. */
export function useHydrating(): boolean {
  return useSyncExternalStore(
    subscribe,
    () => false,
    () => true,
  )
}
