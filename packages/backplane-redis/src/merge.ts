import type { ReadResult } from '@rivulet/server'
import type { LiveItem } from './live-message.js'
import type { RepairBuffer } from './repair-buffer.js'

/** The rest of one channel's log. */
export interface Source {
  readonly channel: string
  /** Up to here it was read. */
  after: number
  /** What was read and not given yet. */
  items: LiveItem[]
  /** Whether there may be more. */
  more: boolean
}

export interface MergeOptions {
  /**
   * Up to here the logs are given, and no further: what came after it is held, or will be, and a log may be ahead of that.
   * To give its newest event would leave behind those of other channels that are still on their way.
   */
  readonly horizon: number
  read(channel: string, after: number, limit: number): Promise<ReadResult>
  /** Called where a log does not go on from where it was read to. */
  onHole(channel: string): void
  deliver(item: LiveItem): void
}

/**
 * Gives what the logs of some channels have and what is held, in one order. It reads page by page, and knows the order
 * only up to where every log that goes on was read to. Returns in the turn in which it gave the last.
 */
export async function merge(sources: readonly Source[], hold: RepairBuffer, options: MergeOptions): Promise<void> {
  const limit = Math.max(8, Math.floor(2048 / sources.length))
  for (;;) {
    const empty = sources.filter(({ more, items }) => more && items.length === 0)
    if (empty.length > 0) await Promise.all(empty.map((source) => fill(source, limit, options)))
    let through = hold.overflow === undefined ? Infinity : hold.overflow - 1
    for (const { more, after } of sources) if (more) through = Math.min(through, after)
    const found = hold.take(through)
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
  const { messages, continuous } = await read(channel, after, limit)
  if (!continuous) onHole(channel)
  const wanted = messages.filter(({ position }) => position <= horizon)
  source.more = wanted.length === limit
  source.items = wanted.map((message) => ({ channel, position: message.position, previous: message.previous, message }))
  source.after = wanted.at(-1)?.position ?? after
}
