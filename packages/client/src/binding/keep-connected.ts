import type { EventStreamService } from '../event-stream-service.js'

/** Stream of any contract. */
// biome-ignore lint/suspicious/noExplicitAny: a contract is contravariant in a stream
export type AnyEventStream = EventStreamService<any>

interface Holding {
  holders: number
  /** False if the application had connected the stream itself: then it stays connected. */
  readonly closes: boolean
}

const holdings = new WeakMap<AnyEventStream, Holding>()

/**
 * Keeps a stream connected until the returned function is called. The first call connects the stream and the last undo
 * closes it, unless it was connected already before the first call.
 *
 * @returns Lets go of the stream. Call it once. The stream closes a microtask later, so a component that is unmounted
 *   and mounted again in one go (React's StrictMode, a changed key, a move in the tree) keeps its connection.
 */
export function keepConnected(service: AnyEventStream): () => void {
  let holding = holdings.get(service)
  if (!holding) {
    holding = { holders: 0, closes: service.status === 'idle' || service.status === 'closed' }
    holdings.set(service, holding)
    if (holding.closes) service.connect()
  }
  const held = holding
  held.holders++
  return () =>
    queueMicrotask(() => {
      if (--held.holders > 0) return
      holdings.delete(service)
      if (held.closes) service.close()
    })
}
