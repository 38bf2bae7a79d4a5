import { boundsPer, type Retention, type RetentionBounds } from '@rivulet/server'

/** The bounds of a channel, as the scripts take them. */
export interface RedisBounds extends Required<RetentionBounds> {
  /** For how many milliseconds after a channel's last event its position is known. */
  readonly headTtlMs: number
}

const dayMs = 86_400_000
/** After it a channel without events is forgotten, and to resume from an earlier position is a gap. */
const headTtlMs = 7 * dayMs

/** @throws {ConfigurationError} if the retention makes no sense; the returned function, if that of a channel makes none. */
export function redisBoundsPer(
  retention: Retention | ((channel: string) => Retention) | undefined,
): (channel: string) => RedisBounds {
  const boundsOf = boundsPer(retention)
  return (channel) => {
    const bounds = boundsOf(channel)
    // A position that is forgotten before its events would make a resumable channel look unknown.
    return { ...bounds, headTtlMs: Math.max(headTtlMs, bounds.maxAgeMs + dayMs) }
  }
}

/** A number for a script: an integer, -1 for no bound. */
export function bound(value: number): string {
  return value === Infinity ? '-1' : String(Math.floor(value))
}
