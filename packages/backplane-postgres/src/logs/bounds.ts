import { boundsPer, ConfigurationError, type Retention, runOf } from '@rivulet/server'
import { toText } from '../database/text.js'

/** The bounds of a channel's log. */
export type Bounds = ReturnType<ReturnType<typeof boundsPer>>

/** Time for which dropped events stay in the table, so that every node has delivered them, in milliseconds. */
export const graceMs = 10_000

/** The index of a table takes names up to about 2,700 bytes. */
const maxNameBytes = 1_000

/** Reads the `retention` option, and checks the names of channels. */
export function postgresBoundsPer(
  retention: Retention | ((channel: string) => Retention) | undefined,
): (channel: string) => Bounds {
  const boundsOf = boundsPer(retention)
  return (channel) => {
    checkChannelName(channel)
    return boundsOf(channel)
  }
}

/** @throws {ConfigurationError} */
export function checkChannelName(channel: string): void {
  if (channel.length * 5 <= maxNameBytes || Buffer.byteLength(toText(channel)) <= maxNameBytes) return
  const fix = `Postgres indexes names of at most ${maxNameBytes} bytes (UTF-8). Choose a shorter one.`
  throw new ConfigurationError(runOf(channel) === undefined ? 'channel' : 'id', channel, fix)
}

/** A bound for JSON, which has no infinity. */
export function finite(bound: number): number | null {
  return bound === Infinity ? null : Math.floor(Math.min(bound, Number.MAX_SAFE_INTEGER))
}
