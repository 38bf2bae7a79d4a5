import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TickPayload } from './event.js'

/** A server library, reduced to the needs of the benchmark. */
export interface Subject {
  /** Answers a request with an event stream. */
  connect(request: IncomingMessage, response: ServerResponse): unknown
  /** Number of streams that receive published events. */
  connections(): number
  /**
   * Prepares to publish these events in one turn of the event loop, and returns the function that does it. Only the floor
   * prepares anything; all others start when that function is called.
   */
  prepare(events: readonly TickPayload[]): () => void
}

export const eventName = 'tick'
