import { listen } from '../page-events.js'

/** Whether the browser has a network; that it says so does not mean that the server can be reached. */
export function isOnline(): boolean {
  return globalThis.navigator?.onLine !== false
}

/** Calls the listener when `isOnline` may have changed. Returns how to stop. */
export function observeOnline(listener: () => void): () => void {
  const stops = [listen(globalThis, 'online', listener), listen(globalThis, 'offline', listener)]
  return () => {
    for (const stop of stops) stop()
  }
}
