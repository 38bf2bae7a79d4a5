import { useSyncExternalStore } from 'react'
import { nodeHeader } from '../shared/events.js'

let current = ''
const listeners = new Set<() => void>()

/** Fetches, and remembers the node that answered. */
export const fetchFromNode: typeof fetch = async (input, init) => {
  const response = await fetch(input, init)
  current = response.headers.get(nodeHeader) ?? ''
  for (const listener of listeners) listener()
  return response
}

/** Name of the node that serves this page's stream; `''` before the first response. */
export function useCurrentNode(): string {
  return useSyncExternalStore(subscribe, () => current)
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
