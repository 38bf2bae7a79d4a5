import { EventStreamService } from '../src/index.js'

/** Page that the browser test opens in several tabs. */
declare global {
  interface Window {
    stream: EventStreamService
    received: number[]
  }
}

window.received = []
window.stream = new EventStreamService({ url: '/events', shared: { key: 'alice' } })
window.stream.on('tick', (event) => window.received.push((event as unknown as { n: number }).n))
window.stream.onGap(() => window.received.push(Number.NaN))
window.stream.connect()
