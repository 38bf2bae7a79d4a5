import { missingUpTo, type ReadResult } from '@rivulet/server'
import type { LiveItem } from './live-message.js'
import type { RepairBuffer } from './repair-buffer.js'

/** The unread rest of one channel's log. */
export interface Source {
  readonly channel: string
  /** The position up to which the log was read. */
  after: number
  /** The items that were read and not delivered yet. */
  items: LiveItem[]
  /** True if the log may have more. */
  more: boolean
}

export interface MergeOptions {
  /**
   * The last position to deliver from the logs. Later messages are buffered, or will be. A log may already contain some of
   * them, and delivering those would pass by earlier messages of other channels that are still on their way.
   */
  readonly horizon: number
  read(channel: string, after: number, limit: number): Promise<ReadResult>
  /** Called if a log does not continue where it was read to, with the position up to which events may be missing. */
  onHole(channel: string, upTo: number): void
  deliver(item: LiveItem): void
}

/**
 * Delivers logs and buffered items in one order. It reads the logs in pages, and delivers up to the position that every
 * unfinished log was read to. Returns in the turn in which it delivered the last item.
 */
export async function merge(sources: readonly Source[], buffer: RepairBuffer, options: MergeOptions): Promise<void> {
  const limit = Math.max(8, Math.floor(2048 / sources.length))
  for (;;) {
    const empty = sources.filter(({ more, items }) => more && items.length === 0)
    if (empty.length > 0) await Promise.all(empty.map((source) => fill(source, limit, options)))
    let through = buffer.overflow === undefined ? Infinity : buffer.overflow - 1
    for (const { more, after } of sources) if (more) through = Math.min(through, after)
    const found = buffer.take(through)
    for (const source of sources) {
      const end = source.items.findIndex(({ position }) => position > through)
      found.push(...source.items.splice(0, end < 0 ? source.items.length : end))
    }
    found.sort((one, other) => one.position - other.position)
    for (const item of found) options.deliver(item)
    if (!sources.some(({ more }) => more)) return
  }
}

async function fill(source: Source, limit: number, { horizon, read, onHole }: MergeOptions): Promise<void> {
  const { channel, after } = source
  const result = await read(channel, after, limit)
  const { messages, continuous } = result
  if (!continuous) onHole(channel, missingUpTo(result, after))
  const wanted = messages.filter(({ position }) => position <= horizon)
  source.more = wanted.length === limit
  source.items = wanted.map((message) => ({ channel, position: message.position, previous: message.previous, message }))
  source.after = wanted.at(-1)?.position ?? after
}
