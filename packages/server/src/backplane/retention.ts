import { ConfigurationError } from '../runtime/errors.js'
import { disregard, isThenable } from '../runtime/guard.js'

/**
 * What a channel keeps for resuming and for slow clients. What exceeds any of the bounds goes, oldest first.
 *
 * - `'latest'`: only the last event.
 * - `'none'`: nothing; every event of the channel is live only.
 */
export type Retention = RetentionBounds | 'latest' | 'none'

export interface RetentionBounds {
  /** How many events. @default 1000 */
  maxEvents?: number
  /** How many characters of event data: bytes, where it is ASCII. @default 8_388_608 */
  maxBytes?: number
  /** For how many milliseconds; `Infinity`: as long as the other bounds allow. @default 3_600_000 (one hour) */
  maxAgeMs?: number
}

/** Retention with every bound given. */
export type Bounds = Readonly<Required<RetentionBounds>>

const latest: Bounds = { maxEvents: 1, maxBytes: Infinity, maxAgeMs: Infinity }
const none: Bounds = { maxEvents: 0, maxBytes: 0, maxAgeMs: 0 }

/** @throws {ConfigurationError} when it is none of these, a promise for example, or a bound is negative or no number. */
export function boundsOf(retention: Retention = {}): Bounds {
  if (retention === 'latest') return latest
  if (retention === 'none') return none
  if (typeof retention !== 'object' || retention === null || isThenable(retention)) {
    if (isThenable(retention)) disregard(retention)
    throw new ConfigurationError('retention', retention, "Give { maxEvents, maxBytes, maxAgeMs }, 'latest' or 'none'.")
  }
  const { maxEvents = 1000, maxBytes = 8_388_608, maxAgeMs = 3_600_000 } = retention
  const bounds = { maxEvents, maxBytes, maxAgeMs }
  for (const [name, value] of Object.entries(bounds)) {
    if (!(value >= 0)) throw new ConfigurationError(`retention.${name}`, value, 'Give a number, 0 or more.')
  }
  return bounds
}

/** The bounds of each channel. What managers tell one another is kept by the default, whatever is said of the rest. */
export function boundsPer(
  retention: Retention | ((channel: string) => Retention) | undefined,
): (channel: string) => Bounds {
  const defaults = boundsOf()
  const bounds = typeof retention === 'function' ? undefined : boundsOf(retention)
  return (channel) => {
    if (channel.startsWith('rivulet:')) return defaults
    return bounds ?? boundsOf((retention as (channel: string) => Retention)(channel))
  }
}
