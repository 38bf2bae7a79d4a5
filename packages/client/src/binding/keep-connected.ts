import type { EventStreamService } from '../event-stream-service.js'
import { connectCallsOf } from '../runtime/connect-calls.js'

/** Stream of any contract. */
// biome-ignore lint/suspicious/noExplicitAny: a contract is contravariant in a stream
export type AnyEventStream = EventStreamService<any>

interface Holding {
  holders: number
  /** Closes the stream again, unless the application had connected it itself. */
  readonly undo: () => void
}

const holdings = new WeakMap<AnyEventStream, Holding>()

/**
 * Keeps a stream connected until the returned function is called. The first call connects the stream and the last undo
 * closes it, unless the application had called its `connect()` before the first call. A stream that only a loop had
 * connected stays connected for that loop.
 *
 * @returns Lets go of the stream. Call it once. The stream closes a microtask later, so a component that is unmounted
 *   and mounted again in one go (React's StrictMode, a changed key, a move in the tree) keeps its connection.
 */
export function keepConnected(service: AnyEventStream): () => void {
  let holding = holdings.get(service)
  if (!holding) {
    holding = { holders: 0, undo: connect(service) }
    holdings.set(service, holding)
  }
  const held = holding
  held.holders++
  return () =>
    queueMicrotask(() => {
      if (--held.holders > 0) return
      holdings.delete(service)
      held.undo()
    })
}

/** Returns the undo. */
function connect(service: AnyEventStream): () => void {
  const closed = service.status === 'idle' || service.status === 'closed'
  const calls = connectCallsOf(service)
  const byLoop = !closed && calls?.wasCalled() === false
  if (closed || byLoop) service.connect()
  return () => {
    if (closed) service.close()
    else if (byLoop) calls?.undo()
  }
}
