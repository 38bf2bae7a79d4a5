import type { Backplane, ReadResult, StoredMessage } from '../backplane/backplane.js'
import { all } from '../delivery/read-channels.js'
import type { Awaitable } from '../runtime/awaitable.js'
import type { Asking } from './asking.js'

// Reads the latest kept events of several channels, counted over all of them.

export interface KeptEvent {
  readonly channel: string
  readonly message: StoredMessage
}

/** The latest events of several channels. */
export interface LatestEvents {
  /** Oldest first. */
  readonly events: readonly KeptEvent[]
  /** For each channel, a position after which its part of them follows. No event of the channel is missing there. */
  readonly starts: Map<string, number>
}

/**
 * Finds the last `count` kept events of all channels together. Reads up to `count` events of each channel.
 *
 * @param before Only events at lower positions count.
 */
export function latestEvents(
  backplane: Backplane,
  channels: readonly string[],
  { count, before = Infinity }: { readonly count: number; readonly before?: number | undefined },
  asking: Pick<Asking, 'read'>,
): Awaitable<LatestEvents> {
  const merge = (starts: readonly number[], logs: readonly Pick<ReadResult, 'messages'>[]): LatestEvents => {
    const found = logs.flatMap(({ messages }, index) =>
      messages.filter(({ position }) => position < before).map((message) => ({ channel: channels[index]!, message })),
    )
    const events = found.sort((one, other) => one.message.position - other.message.position).slice(-count)
    const edge = (events[0]?.message.position ?? 0) - 1
    return { events, starts: new Map(channels.map((channel, index) => [channel, Math.max(starts[index]!, edge)])) }
  }
  const read = (starts: readonly number[]) => {
    const reading = asking.read(() => all(channels.map((name, index) => backplane.read(name, starts[index]!, count))))
    return reading instanceof Promise ? reading.then((logs) => merge(starts, logs)) : merge(starts, reading)
  }
  const limit = before === Infinity ? undefined : before
  const seeking = asking.read(() => all(channels.map((channel) => backplane.seek(channel, count, limit))))
  return seeking instanceof Promise ? seeking.then(read) : read(seeking)
}

/** Tells if events of a channel were dropped, or may have been: its log begins after the backplane's own beginning. */
export async function wasTrimmed(backplane: Backplane, channel: string): Promise<boolean> {
  const { messages, lastPosition } = await backplane.read(channel, 0, 1)
  const beginning = messages[0]?.previous ?? lastPosition
  return (await backplane.read(channel, beginning - 1, 0)).reason === 'trimmed'
}
