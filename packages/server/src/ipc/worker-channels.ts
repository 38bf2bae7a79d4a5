import type { BackplaneSubscriber, LiveMessage, ReadResult, StoredMessage } from '../backplane/backplane.js'
import { missingUpTo } from '../backplane/missing-up-to.js'
import { tell } from '../runtime/guard.js'

/** The subscriptions of one worker. They get each event once, in one order over all channels. */
export class WorkerChannels {
  /** Per channel, the subscribers with the position from which on they get events; `undefined` until that is known. */
  readonly #channels = new Map<string, Map<BackplaneSubscriber, number | undefined>>()
  /** Everything up to this position was delivered. */
  cursor = 0

  get names(): string[] {
    return [...this.#channels.keys()]
  }

  has(name: string): boolean {
    return this.#channels.has(name)
  }

  add(name: string, subscriber: BackplaneSubscriber): void {
    const subscribers = this.#channels.get(name) ?? new Map<BackplaneSubscriber, number | undefined>()
    this.#channels.set(name, subscribers)
    if (!subscribers.has(subscriber)) subscribers.set(subscriber, undefined)
  }

  /** @param position The position after which the host sends the channel's events. Earlier ones may have been passed over. */
  settle(name: string, subscriber: BackplaneSubscriber, position: number): void {
    const subscribers = this.#channels.get(name)
    if (subscribers?.has(subscriber) && subscribers.get(subscriber) === undefined)
      subscribers.set(subscriber, Math.max(position, this.cursor))
  }

  /** @returns True if the channel has no subscriber left. */
  remove(name: string, subscriber: BackplaneSubscriber): boolean {
    const subscribers = this.#channels.get(name)
    if (!subscribers?.delete(subscriber) || subscribers.size > 0) return false
    this.#channels.delete(name)
    return true
  }

  /** Notes that nothing is missing from a channel up to a position, or that its subscribers know of the gap. */
  pass(name: string, position: number): void {
    const subscribers = this.#channels.get(name)
    for (const [subscriber, floor] of subscribers ?? []) if (floor! < position) subscribers!.set(subscriber, position)
  }

  /** Goes back to a position if a new host's history is shorter than that of the last one. */
  rewind(position: number): void {
    if (position >= this.cursor) return
    this.cursor = position
    for (const subscribers of this.#channels.values())
      for (const [subscriber, floor] of subscribers) if (floor! > position) subscribers.set(subscriber, position)
  }

  clear(): void {
    this.#channels.clear()
  }

  /** The channels whose events were promised, each with the position after which some may be missing. */
  promised(): { readonly channel: string; readonly after: number }[] {
    const promised: { channel: string; after: number }[] = []
    for (const [channel, subscribers] of this.#channels) {
      const floors = [...subscribers.values()].filter((floor) => floor !== undefined)
      if (floors.length > 0) promised.push({ channel, after: Math.max(this.cursor, Math.min(...floors)) })
    }
    return promised
  }

  deliver(name: string, message: LiveMessage): void {
    const { position } = message
    if (position !== undefined) {
      if (position <= this.cursor) return
      this.cursor = position
    }
    for (const [subscriber, floor] of this.#channels.get(name) ?? []) {
      if (floor === undefined || position! <= floor) continue
      tell(
        () => subscriber.onMessage(name, message),
        (error) => subscriber.onHealth(error),
      )
    }
  }

  /**
   * Tells the subscribers of one channel, or of all, that events are missing.
   *
   * @param upTo The position of the last missing event: whoever joined after it misses nothing.
   */
  gap(name: string | undefined, upTo: number = Infinity): void {
    if (name === undefined) {
      for (const subscriber of this.#subscribers(true)) tellGap(subscriber, undefined)
      return
    }
    for (const [subscriber, floor] of this.#channels.get(name) ?? []) if (floor! < upTo) tellGap(subscriber, name)
  }

  health(error: unknown): void {
    for (const subscriber of this.#subscribers(false)) {
      tell(
        () => subscriber.onHealth(error),
        () => {},
      )
    }
  }

  #subscribers(promised: boolean): Set<BackplaneSubscriber> {
    const found = new Set<BackplaneSubscriber>()
    for (const subscribers of this.#channels.values())
      for (const [subscriber, floor] of subscribers) if (!promised || floor !== undefined) found.add(subscriber)
    return found
  }
}

function tellGap(subscriber: BackplaneSubscriber, name: string | undefined): void {
  tell(
    () => subscriber.onGap(name),
    (error) => subscriber.onHealth(error),
  )
}

/** One log that is read on from a position. */
interface Source {
  readonly channel: string
  after: number
  items: readonly StoredMessage[]
  more: boolean
}

/** Events read per round, over all channels: few at first, later as many as fill the wanted number of characters. */
const round = { first: 256, most: 2_048, chars: 1_048_576 }

export type ReadAll = (
  reads: readonly (readonly [channel: string, after: number, limit: number])[],
) => Promise<readonly ReadResult[]>

/**
 * Delivers logged events, from where delivery stands up to a position, in one order over all channels.
 *
 * @param isTold True if the subscribers have just been told that events may be missing.
 */
export async function catchUp(
  channels: WorkerChannels,
  until: number,
  readAll: ReadAll,
  isTold: boolean = false,
): Promise<void> {
  /** Per channel with a hole, the position up to which everything was delivered or is told to be missing. */
  const holes = new Map<string, number>()
  const sources: Source[] = channels.promised().map((from) => ({ ...from, items: [], more: true }))
  let size = round.first
  for (let told = isTold; sources.some(({ more }) => more); told = false) {
    const empty = sources.filter(({ more, items }) => more && items.length === 0)
    const limit = Math.max(1, Math.floor(size / empty.length))
    const results = await readAll(empty.map(({ channel, after }) => [channel, after, limit]))
    for (const [index, source] of empty.entries()) {
      const result = results[index]!
      const { messages, continuous, lastPosition } = result
      if (!continuous) holes.set(source.channel, lastPosition)
      if (!continuous && !told) channels.gap(source.channel, missingUpTo(result, source.after))
      source.items = messages.filter(({ position }) => position <= until)
      source.more = source.items.length === limit
      source.after = source.items.at(-1)?.position ?? source.after
    }
    size = nextSize(size, results)
    // Beyond the position up to which every unfinished log was read, another one may have an earlier event.
    const through = Math.min(until, ...sources.filter(({ more }) => more).map(({ after }) => after))
    const found = sources.flatMap(({ channel, items }) =>
      items.filter(({ position }) => position <= through).map((message) => ({ channel, message })),
    )
    for (const source of sources) source.items = source.items.filter(({ position }) => position > through)
    found.sort((one, other) => one.message.position - other.message.position)
    for (const { channel, message } of found) channels.deliver(channel, message)
  }
  for (const [channel, last] of holes) channels.pass(channel, Math.min(until, last))
}

function nextSize(size: number, results: readonly ReadResult[]): number {
  const messages = results.flatMap((result) => result.messages)
  const chars = messages.reduce((sum, { data }) => sum + data.length, 0)
  const fitting = chars > 0 ? Math.ceil((round.chars / chars) * messages.length) : round.most
  return Math.min(round.most, 2 * size, Math.max(1, fitting))
}
