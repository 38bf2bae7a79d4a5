import { EventStreamService } from '../src/index.js'

const stream = new EventStreamService({ url: '/events' })
// A beacon outlives the page.
stream.onError((error) => navigator.sendBeacon('/error', String(error)))
stream.onStatusChange(({ status }) => {
  document.title = status
})
stream.connect()
