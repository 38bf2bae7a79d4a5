import type { ConnectionInfo } from '../runtime/connection-info.js'
import { ConfigurationError } from '../runtime/errors.js'

/** Which streams are meant: those for which all that is given holds. */
export interface StreamSelector {
  /** The one stream of this id, as in `manager.connections` and in `presence`. */
  readonly connectionId?: string
  /** The streams that `authorize` gave this key. */
  readonly key?: string
  /** The streams that have this channel, whichever else they have. */
  readonly channel?: string
}

/**
 * Refuses a selector that has a value missing by mistake: it must not mean everyone.
 *
 * @throws {ConfigurationError}
 */
export function checkSelector(selector: StreamSelector): void {
  const given = Object.entries(selector)
  if (given.length === 0) {
    throw new ConfigurationError('selector', 'empty', 'Say which streams: { key }, { channel } or { connectionId }.')
  }
  for (const [name, value] of given) {
    if (typeof value !== 'string' || value === '') {
      throw new ConfigurationError(`selector.${name}`, value, 'Give a text, or leave it out.')
    }
  }
}

/** A stream as far as a selector can tell it. */
export type SelectableStream = Pick<ConnectionInfo, 'id' | 'key' | 'channels'>

export function matches({ id, key, channels }: SelectableStream, selector: StreamSelector): boolean {
  const { connectionId = id, key: wantedKey = key, channel } = selector
  return connectionId === id && wantedKey === key && (channel === undefined || channels.includes(channel))
}
