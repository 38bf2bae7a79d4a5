import { useSyncExternalStore } from 'react'

function subscribe(listener: () => void): () => void {
  addEventListener('hashchange', listener)
  return () => removeEventListener('hashchange', listener)
}

/** The conversation in the address: `#/<id>`; empty for a new one. */
export function useConversationId(): string {
  return useSyncExternalStore(subscribe, () => location.hash.slice(2))
}

export function openConversation(id: string): void {
  location.hash = id === '' ? '' : `/${id}`
}
