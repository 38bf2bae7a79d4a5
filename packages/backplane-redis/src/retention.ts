import { ConfigurationError, type Retention } from '@rivulet/server'

/** What a channel keeps, as the scripts take it. */
export interface RetentionBounds {
  /** 0: nothing is kept. */
  readonly maxEvents: number
  readonly maxBytes: number
  readonly maxAgeMs: number
  /** For how long after a channel's last event its position is known. */
  readonly headTtlMs: number
}

const dayMs = 86_400_000
/** Beyond it a channel without events is forgotten, and resuming from before is a gap. */
const headTtlMs = 7 * dayMs

/** @throws {ConfigurationError} when a bound is negative or no number. */
export function boundsOf(retention: Retention = {}): RetentionBounds {
  if (retention === 'latest') return { maxEvents: 1, maxBytes: Infinity, maxAgeMs: Infinity, headTtlMs: Infinity }
  if (retention === 'none') return { maxEvents: 0, maxBytes: 0, maxAgeMs: 0, headTtlMs }
  const { maxEvents = 1000, maxBytes = 8_388_608, maxAgeMs = 3_600_000 } = retention
  for (const [name, value] of Object.entries({ maxEvents, maxBytes, maxAgeMs })) {
    if (!(value >= 0)) throw new ConfigurationError(`retention.${name}`, value, 'Give a number, 0 or more.')
  }
  // A position that is forgotten before its events would make a resumable channel look unknown.
  return { maxEvents, maxBytes, maxAgeMs, headTtlMs: Math.max(headTtlMs, maxAgeMs + dayMs) }
}

/** The bounds of each channel. What managers tell one another is kept by the default, whatever is said of the rest. */
export function boundsPer(
  retention: Retention | ((channel: string) => Retention) | undefined,
): (channel: string) => RetentionBounds {
  const defaults = boundsOf()
  const bounds = typeof retention === 'function' ? undefined : boundsOf(retention)
  return (channel) => {
    if (channel.startsWith('rivulet:')) return defaults
    return bounds ?? boundsOf((retention as (channel: string) => Retention)(channel))
  }
}

/** A number for a script: whole, -1 for no bound. */
export function bound(value: number): string {
  return value === Infinity ? '-1' : String(Math.floor(value))
}
