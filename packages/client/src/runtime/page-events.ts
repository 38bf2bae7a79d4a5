/** What a page, or a worker, tells about itself and the network. */
export type PageListener = (event: PageEvent) => void

/** `leave`: a navigation has begun, and may still come to nothing. `hide`: the page is left, perhaps to be shown again. */
export type PageEvent = 'online' | 'visible' | 'leave' | 'hide' | 'show'

/**
 * The only place that touches `window` and `document`. Where they don't exist nothing is ever reported.
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

/** Listens to an event, where the target can tell of any. Returns how to stop. */
// Without a signal: where a test environment has replaced AbortController, its page refuses signals of the other kind.
export function listen(target: Partial<EventTarget> | undefined, type: string, listener: () => void): () => void {
  target?.addEventListener?.(type, listener)
  return () => target?.removeEventListener?.(type, listener)
}

/** What a relative URL is relative to; `undefined` outside of pages and workers. */
export function pageBaseUrl(): string | undefined {
  return globalThis.document?.baseURI ?? globalThis.location?.href
}

/**
 * The page's `sessionStorage`; `undefined` where there is none, or where it is forbidden. Node.js 26 and Deno have one for
 * the whole process: on a server all users would share their cursors in it.
 */
export function pageStorage(): Storage | undefined {
  try {
    return globalThis.document && globalThis.sessionStorage
  } catch {
    return undefined
  }
}
