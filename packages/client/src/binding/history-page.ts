import { development } from '../runtime/development.js'
import { ConfigurationError } from '../runtime/errors.js'

/** An event of the history, as the stream would bring it. */
export interface HistoryMessage {
  readonly id: string
  readonly event: string
  /** JSON. */
  readonly data: string
}

/** A page of the history, oldest event first. */
export interface HistoryPage {
  readonly messages: readonly HistoryMessage[]
  readonly hasOlder: boolean
  /** The parameter for the page before this one. */
  readonly before: string | undefined
  readonly trimmed: boolean
}

/** Reads what a history route has answered. @throws {ConfigurationError} if another route did. */
export function readPage(answer: unknown): HistoryPage {
  const { events, hasOlder, before, trimmed } = Object(answer)
  const valid =
    Array.isArray(events) &&
    typeof hasOlder === 'boolean' &&
    (before === undefined || typeof before === 'string') &&
    events.every((event) => typeof event?.id === 'string' && typeof event.event === 'string')
  if (!valid) {
    throw new ConfigurationError(
      'history',
      '[its answer]',
      development ? 'Pass the address of a route that eventHistory serves.' : '',
    )
  }
  const messages = events.map(({ id, event, data }) => ({ id, event, data: JSON.stringify(data) ?? '' }))
  // Without a parameter, the same page would come again.
  return { messages, hasOlder: hasOlder && before !== undefined, before, trimmed: trimmed === true }
}
