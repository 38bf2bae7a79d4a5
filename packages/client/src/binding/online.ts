import { listen } from '../runtime/page-events.js'

/**
 * Tells whether the browser has a network, which does not mean that it can reach the server. True outside a browser.
 */
export function isOnline(): boolean {
  return globalThis.navigator?.onLine !== false
}

/** Calls the listener when the result of `isOnline` may have changed. Returns its undo. */
export function observeOnline(listener: () => void): () => void {
  const stops = [listen(globalThis, 'online', listener), listen(globalThis, 'offline', listener)]
  return () => {
    for (const stop of stops) stop()
  }
}
