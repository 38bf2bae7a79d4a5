import type { EventStreamService } from '../event-stream-service.js'

interface Hold {
  holders: number
  /** Whether the connection is ours to close: a stream that its owner had connected stays connected. */
  readonly ours: boolean
}

const holds = new WeakMap<EventStreamService, Hold>()

/**
 * Keeps a stream connected for as long as anyone holds it: the first holder connects it, the last one closes it, unless
 * it was connected already when the first one came.
 *
 * @returns Lets go; to be called once. The stream is closed a microtask later, so that what is unmounted and mounted in one
 *   go (by React's StrictMode, by a key that changes, by moving in the tree) keeps its connection.
 */
export function holdConnection(service: EventStreamService): () => void {
  let hold = holds.get(service)
  if (!hold) {
    hold = { holders: 0, ours: service.status === 'idle' || service.status === 'closed' }
    holds.set(service, hold)
    if (hold.ours) service.connect()
  }
  const held = hold
  held.holders++
  return () =>
    queueMicrotask(() => {
      if (--held.holders > 0) return
      holds.delete(service)
      if (held.ours) service.close()
    })
}
