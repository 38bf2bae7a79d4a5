import type { LogEvent, LogLevel } from '../../shared/events.js'
import type { Outage } from '../connection/outages.js'
import { comparePositions } from '../connection/position.js'

/** What the log shows, one row each: lines, and where the stream was interrupted. */
export type LogEntry = LogEvent | Outage

export const levels: readonly LogLevel[] = ['info', 'success', 'warning', 'error']

export function isOutage(entry: LogEntry): entry is Outage {
  return 'kind' in entry
}

/** Stable over filtering, and the same for a line that comes a second time. */
export function keyOf(entry: LogEntry): string {
  return isOutage(entry) ? entry.key : entry.id!
}

/** The lines of these levels that hold the text, in whatever case. */
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

/** Puts each outage behind the last line that came before it. */
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

/** How many lines have come after this one; all of them where it is no longer among them. */
export function countAfter(lines: readonly LogEvent[], id: string | undefined): number {
  const index = lines.findLastIndex((line) => line.id === id)
  return lines.length - 1 - index
}

export function countLevels(lines: readonly LogEvent[]): Record<LogLevel, number> {
  const counts = { info: 0, success: 0, warning: 0, error: 0 }
  for (const { level } of lines) counts[level]++
  return counts
}
