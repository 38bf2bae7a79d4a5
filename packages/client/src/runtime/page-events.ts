/** Takes events of a page or a worker. */
export type PageListener = (event: PageEvent) => void

/**
 * - `leave`: a navigation has begun, but may still be canceled.
 * - `hide`: the user has left the page. The browser may show it again.
 */
export type PageEvent = 'online' | 'visible' | 'leave' | 'hide' | 'show'

/**
 * Observes the page and the network. Outside of browsers, it reports nothing. No other file touches `window` and `document`.
 *
 * @returns Stops the reports.
 */
export function observePage(listener: PageListener): () => void {
  const page = globalThis.document as Document | undefined
  const stops = [
    listen(globalThis, 'online', () => listener('online')),
    listen(globalThis, 'beforeunload', () => listener('leave')),
    listen(globalThis, 'pagehide', () => listener('hide')),
    listen(globalThis, 'pageshow', () => listener('show')),
    listen(page, 'visibilitychange', () => {
      if (page?.visibilityState === 'visible') listener('visible')
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** Listens to an event if the target supports events. Returns a function that stops listening. */
// No signal, because test environments may replace AbortController, and their pages then refuse the original's signals.
export function listen(target: Partial<EventTarget> | undefined, type: string, listener: () => void): () => void {
  target?.addEventListener?.(type, listener)
  return () => target?.removeEventListener?.(type, listener)
}

/** Returns the base of relative URLs; `undefined` outside of pages and workers. */
export function pageBaseUrl(): string | undefined {
  return globalThis.document?.baseURI ?? globalThis.location?.href
}

/**
 * Returns the page's `sessionStorage`; `undefined` if it is missing or forbidden. Outside of pages it is never used: in Node.js
 * 26 and Deno, one storage serves the whole process, so all users of a server would share their cursors.
 */
export function pageStorage(): Storage | undefined {
  try {
    return globalThis.document && globalThis.sessionStorage
  } catch {
    return undefined
  }
}
