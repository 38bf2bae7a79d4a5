import { EventStreamService } from '../src/index.js'

/** The page that the browser test opens in several tabs: a shared stream on a clock that runs ten times as fast. */
declare global {
  interface Window {
    stream: EventStreamService
    received: number[]
  }
}

const quick = 10
window.received = []
window.stream = new EventStreamService({
  url: '/events',
  shared: { key: 'alice' },
  clock: {
    now: () => Date.now() * quick,
    setTimeout: (callback, ms) => window.setTimeout(callback, ms / quick),
    clearTimeout: (timer) => window.clearTimeout(timer as number),
    random: () => Math.random(),
  },
})
window.stream.on('tick', (event) => window.received.push((event as unknown as { n: number }).n))
window.stream.onGap(() => window.received.push(Number.NaN))
window.stream.connect()
