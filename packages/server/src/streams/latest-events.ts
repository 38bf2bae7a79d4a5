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

/** Finds the last `count` kept events of all channels together. Reads up to `count` events of each channel. */
export function latestEvents(
  backplane: Backplane,
  channels: readonly string[],
  count: number,
  asking: Pick<Asking, 'read'>,
): Awaitable<LatestEvents> {
  const merge = (starts: readonly number[], logs: readonly Pick<ReadResult, 'messages'>[]): LatestEvents => {
    const found = logs.flatMap(({ messages }, index) =>
      messages.map((message) => ({ channel: channels[index]!, message })),
    )
    const events = found.sort(byPosition).slice(-count)
    const edge = (events[0]?.message.position ?? 0) - 1
    return { events, starts: new Map(channels.map((channel, index) => [channel, Math.max(starts[index]!, edge)])) }
  }
  const read = (starts: readonly number[]) => {
    const reading = asking.read(() => all(channels.map((name, index) => backplane.read(name, starts[index]!, count))))
    return reading instanceof Promise ? reading.then((logs) => merge(starts, logs)) : merge(starts, reading)
  }
  const seeking = asking.read(() => all(channels.map((channel) => backplane.seek(channel, count))))
  return seeking instanceof Promise ? seeking.then(read) : read(seeking)
}

function byPosition(one: KeptEvent, other: KeptEvent): number {
  return one.message.position - other.message.position
}

/** The number of events that one step of `newestEvents` reads, of all its channels together. */
const eventsAtOnce = 32

/** Events before a position. `undefined`: its end is the present. */
interface Part {
  readonly channel: string
  readonly before: number | undefined
}

/**
 * Finds the newest kept events before a position, of all channels together. Reads them in steps, from the newest on, because
 * only the events that were read tell how large they are.
 *
 * @param fit Returns the last of some events, as many as are wanted, but at least one if there are any.
 * @returns The events, oldest first, and whether there are older ones.
 */
export async function newestEvents(
  backplane: Backplane,
  channels: readonly string[],
  { before, fit }: Pick<Part, 'before'> & { readonly fit: (events: readonly KeptEvent[]) => readonly KeptEvent[] },
  asking: Pick<Asking, 'read'>,
): Promise<{ readonly events: readonly KeptEvent[]; readonly hasOlder: boolean }> {
  let events: readonly KeptEvent[] = []
  /** The position of the newest event that did not fit. */
  let edge = 0
  for (const group of inGroups(channels)) {
    let parts: readonly Part[] = group.map((channel) => ({ channel, before }))
    while (parts.length > 0) {
      const count = Math.floor(eventsAtOnce / parts.length)
      const pages = await asking.read(() => Promise.all(parts.map((part) => endOf(backplane, part, count))))
      const found = [...events, ...pages.flat()].filter(({ message }) => message.position > edge).sort(byPosition)
      events = fit(found)
      edge = found[found.length - events.length - 1]?.message.position ?? edge
      parts = pages
        .filter((page) => page.length === count && page[0]!.message.previous > edge)
        .map(([oldest]) => ({ channel: oldest!.channel, before: oldest!.message.position }))
    }
  }
  return { events, hasOlder: edge > 0 }
}

/** Channels of which one step reads an event each. */
function inGroups(channels: readonly string[]): readonly (readonly string[])[] {
  const count = Math.ceil(channels.length / eventsAtOnce)
  return Array.from({ length: count }, (_, index) => channels.slice(index * eventsAtOnce, (index + 1) * eventsAtOnce))
}

/** Reads the last events of a part, oldest first. Fewer than `count` only if there are no more. */
async function endOf(backplane: Backplane, { channel, before }: Part, count: number): Promise<readonly KeptEvent[]> {
  const { messages } = await backplane.read(channel, await backplane.seek(channel, count, before), count)
  const found = before === undefined ? messages : messages.filter(({ position }) => position < before)
  return found.map((message) => ({ channel, message }))
}

/** Tells if events of some channel were dropped, or may have been: its log begins after the backplane's own beginning. */
export async function wereTrimmed(
  backplane: Backplane,
  channels: readonly string[],
  asking: Pick<Asking, 'read'>,
): Promise<boolean> {
  for (const group of inGroups(channels)) {
    const trimmed = await asking.read(() => Promise.all(group.map((channel) => wasTrimmed(backplane, channel))))
    if (trimmed.includes(true)) return true
  }
  return false
}

async function wasTrimmed(backplane: Backplane, channel: string): Promise<boolean> {
  const { messages, lastPosition } = await backplane.read(channel, 0, 1)
  const beginning = messages[0]?.previous ?? lastPosition
  return (await backplane.read(channel, beginning - 1, 0)).reason === 'trimmed'
}
