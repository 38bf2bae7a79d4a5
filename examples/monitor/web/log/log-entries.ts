import type { LogEvent, LogLevel } from '../../shared/events.js'
import type { Outage } from '../connection/outages.js'
import { comparePositions } from '../connection/position.js'

/** Rows of the log: lines, and interruptions of the stream. */
export type LogEntry = LogEvent | Outage

export const levels: readonly LogLevel[] = ['info', 'success', 'warning', 'error']

export function isOutage(entry: LogEntry): entry is Outage {
  return 'kind' in entry
}

/** Stable across filtering, and the same for a line that arrives twice. */
export function keyOf(entry: LogEntry): string {
  return isOutage(entry) ? entry.key : entry.id!
}

/** Returns the lines of these levels that contain the text, ignoring case. */
export function filterLines(
  lines: readonly LogEvent[],
  shown: ReadonlySet<LogLevel>,
  text: string,
): readonly LogEvent[] {
  const needle = text.trim().toLowerCase()
  if (needle === '' && shown.size === levels.length) return lines
  return lines.filter(
    ({ level, message }) => shown.has(level) && (needle === '' || message.toLowerCase().includes(needle)),
  )
}

/** Inserts each outage after the last line before it. */
export function insertOutages(lines: readonly LogEvent[], outages: readonly Outage[]): readonly LogEntry[] {
  if (outages.length === 0) return lines
  const entries: LogEntry[] = []
  let next = 0
  for (const line of lines) {
    while (next < outages.length && comparePositions(outages[next]!.afterId, line.id!) < 0)
      entries.push(outages[next++]!)
    entries.push(line)
  }
  entries.push(...outages.slice(next))
  return entries
}

/** Returns the number of lines after this one; all of them if it is no longer among them. */
export function countAfter(lines: readonly LogEvent[], id: string | undefined): number {
  const index = lines.findLastIndex((line) => line.id === id)
  return lines.length - 1 - index
}

export function countLevels(lines: readonly LogEvent[]): Record<LogLevel, number> {
  const counts = { info: 0, success: 0, warning: 0, error: 0 }
  for (const { level } of lines) counts[level]++
  return counts
}
