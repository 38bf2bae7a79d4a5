import { ConfigurationError } from '../runtime/errors.js'
import { disregard, isThenable } from '../runtime/guard.js'
import { isReservedChannel } from './reserved-channel.js'

/**
 * The events that a channel keeps, for clients that resume and for slow ones. Events beyond any bound are dropped, oldest first.
 *
 * - `'latest'`: keeps the last event only.
 * - `'none'`: keeps nothing; all events of the channel are live only.
 */
export type Retention = RetentionBounds | 'latest' | 'none'

export interface RetentionBounds {
  /** Number of events. @default 1000 */
  maxEvents?: number
  /** Characters of event data, which are bytes if it is ASCII. @default 8_388_608 */
  maxBytes?: number
  /** Age in milliseconds, or `Infinity` for no limit. @default 3_600_000 (one hour) */
  maxAgeMs?: number
}

/** Retention with all bounds set. */
export type Bounds = Readonly<Required<RetentionBounds>>

const latest: Bounds = { maxEvents: 1, maxBytes: Infinity, maxAgeMs: Infinity }
const none: Bounds = { maxEvents: 0, maxBytes: 0, maxAgeMs: 0 }

/** @throws {ConfigurationError} for any other value, a promise for example, and for a bound that is negative or not a number. */
export function boundsOf(retention: Retention = {}): Bounds {
  if (retention === 'latest') return latest
  if (retention === 'none') return none
  if (typeof retention !== 'object' || retention === null || isThenable(retention)) {
    if (isThenable(retention)) disregard(retention)
    throw new ConfigurationError('retention', retention, "Pass { maxEvents, maxBytes, maxAgeMs }, 'latest' or 'none'.")
  }
  const { maxEvents = 1000, maxBytes = 8_388_608, maxAgeMs = 3_600_000 } = retention
  const bounds = { maxEvents, maxBytes, maxAgeMs }
  for (const [name, value] of Object.entries(bounds)) {
    if (!(value >= 0)) throw new ConfigurationError(`retention.${name}`, value, 'Pass a number, 0 or more.')
  }
  return bounds
}

/**
 * Reads the `retention` option of a backplane, and gives the bounds of each channel. The channels that managers use among
 * themselves have the default bounds.
 *
 * @throws {ConfigurationError} if the retention makes no sense; the returned function, if that of a channel makes none.
 */
export function boundsPer(
  retention: Retention | ((channel: string) => Retention) | undefined,
): (channel: string) => Bounds {
  const defaults = boundsOf()
  const bounds = typeof retention === 'function' ? undefined : boundsOf(retention)
  return (channel) => {
    if (isReservedChannel(channel)) return defaults
    return bounds ?? boundsOf((retention as (channel: string) => Retention)(channel))
  }
}
