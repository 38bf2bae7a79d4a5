import { useSyncExternalStore } from 'react'

const subscribe = () => () => {}

/** Tells whether the render has to give what a server can know: on a server, and where a page that came from one is hydrated. */
export function useHydrating(): boolean {
  return useSyncExternalStore(
    subscribe,
    () => false,
    () => true,
  )
}
