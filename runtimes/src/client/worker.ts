import { follow } from './smoke.js'

/** For a web worker and for a service worker: `{ url, last }` comes in, the report goes back. */
self.addEventListener('message', (event) => {
  const { data, source, waitUntil } = event as MessageEvent & { waitUntil?: (promise: Promise<unknown>) => void }
  const done = follow(data.url, data.last).then(
    (report) => (source ?? self).postMessage({ report }),
    (error) => (source ?? self).postMessage({ error: String(error) }),
  )
  // A service worker may be stopped as soon as nothing says that it is at work.
  waitUntil?.call(event, done)
})
