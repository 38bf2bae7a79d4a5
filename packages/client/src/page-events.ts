/** What a page, or a worker, tells about itself and the network. */
export type PageListener = (event: 'online' | 'visible' | 'hide' | 'show') => void

/**
 * The only place that touches `window` and `document`. Where they don't exist nothing is ever reported.
 *
 * @returns Stops the reports.
 */
export function observePage(listener: PageListener): () => void {
  const target: Partial<EventTarget> = globalThis
  const page = globalThis.document as Document | undefined
  const stop = new AbortController()
  const { signal } = stop
  if (typeof target.addEventListener === 'function') {
    target.addEventListener('online', () => listener('online'), { signal })
    target.addEventListener('pagehide', () => listener('hide'), { signal })
    target.addEventListener('pageshow', () => listener('show'), { signal })
  }
  page?.addEventListener(
    'visibilitychange',
    () => {
      if (page.visibilityState === 'visible') listener('visible')
    },
    { signal },
  )
  return () => stop.abort()
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
