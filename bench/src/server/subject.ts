import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TickPayload } from './event.js'

/** A server library, reduced to what the benchmark needs of it. */
export interface Subject {
  /** Answers a request with an event stream. */
  connect(request: IncomingMessage, response: ServerResponse): unknown
  /** How many streams get what is published. */
  connections(): number
  /**
   * Makes ready to publish these events in one turn of the event loop, and returns what does it. Only the floor does
   * anything beforehand; all others begin when they are told to publish.
   */
  prepare(events: readonly TickPayload[]): () => void
}

export const eventName = 'tick'
