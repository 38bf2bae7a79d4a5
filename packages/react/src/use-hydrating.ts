import { useSyncExternalStore } from 'react'

const subscribe = () => () => {}

/** Tells whether this render may only show what a server knows: on a server, and while hydrating a page from one. */
export function useHydrating(): boolean {
  return useSyncExternalStore(
    subscribe,
    () => false,
    () => true,
  )
}
