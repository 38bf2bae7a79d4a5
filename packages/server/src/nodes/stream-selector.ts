import type { ConnectionInfo } from '../runtime/connection-info.js'
import { ConfigurationError } from '../runtime/errors.js'

/** Selects the streams that match every given property. */
export interface StreamSelector {
  /** The stream with this id, as in `manager.connections` and `presence`. */
  readonly connectionId?: string
  /** The streams for which `authorize` returned this key. */
  readonly key?: string
  /** The streams that have this channel, among others. */
  readonly channel?: string
}

/**
 * Rejects a selector with a missing value: a mistake must not select every stream.
 *
 * @throws {ConfigurationError}
 */
export function checkSelector(selector: StreamSelector): void {
  const given = Object.entries(selector)
  if (given.length === 0) {
    throw new ConfigurationError('selector', selector, 'Select streams by { key }, { channel } or { connectionId }.')
  }
  for (const [name, value] of given) {
    if (typeof value !== 'string' || value === '') {
      throw new ConfigurationError(`selector.${name}`, value, 'Pass a non-empty string, or omit the property.')
    }
  }
}

/** The part of a stream that a selector looks at. */
export type SelectableStream = Pick<ConnectionInfo, 'id' | 'key' | 'channels'>

export function matches({ id, key, channels }: SelectableStream, selector: StreamSelector): boolean {
  const { connectionId = id, key: wantedKey = key, channel } = selector
  return connectionId === id && wantedKey === key && (channel === undefined || channels.includes(channel))
}
