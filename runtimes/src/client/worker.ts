import { follow } from './smoke.js'

/** For a web worker or a service worker: takes `{ url, last }` and posts the report back. */
self.addEventListener('message', (event) => {
  const { data, source, waitUntil } = event as MessageEvent & { waitUntil?: (promise: Promise<unknown>) => void }
  const done = follow(data.url, data.last).then(
    (report) => (source ?? self).postMessage({ report }),
    (error) => (source ?? self).postMessage({ error: String(error) }),
  )
  // A browser may stop a service worker that does not report pending work.
  waitUntil?.call(event, done)
})
