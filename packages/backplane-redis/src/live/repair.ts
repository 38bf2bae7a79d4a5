import type { ReadResult } from '@rivulet/server'
import type { Delivery } from './delivery.js'
import type { Heads } from './heads.js'
import type { LiveItem } from './live-message.js'
import { merge, type Source } from './merge.js'
import { RepairBuffer } from './repair-buffer.js'
import { type FeedChannel, floorOf } from './subscriptions.js'

/** The Redis that a repair reads from. */
export interface RepairSource {
  /** True once the link is no longer in use: the repair stops, and delivers nothing more. */
  isOver(): boolean
  readHeads(channels: readonly FeedChannel[]): Promise<Heads>
  /** Resolves when every message that was published before the call has come. */
  echo(): Promise<void>
  read(channel: string, after: number, limit: number): Promise<ReadResult>
}

/** Delivers the events after the cursor from the logs, then the buffered ones, and tells gaps where neither has an event. */
export async function repair(delivery: Delivery, source: RepairSource): Promise<void> {
  const { subscriptions } = delivery
  for (let buffer = delivery.buffer ?? new RepairBuffer(); ; buffer = new RepairBuffer()) {
    delivery.buffer = buffer
    const channels = subscriptions.promised()
    const { last: horizon, origin, heads } = await source.readHeads(channels)
    await source.echo()
    if (source.isOver()) return
    const order = new RepairedOrder(delivery, origin)
    const logs: Source[] = []
    for (const [index, channel] of channels.entries()) {
      const { kept, liveOnly } = heads[index]!
      channel.last = undefined
      const after = Math.max(delivery.cursor!, floorOf(channel) ?? Infinity)
      const missed = buffer.firstLiveOnly.get(channel.name)?.previous ?? liveOnly
      if (missed > after && !order.lost) subscriptions.gap(channel, missed)
      if (kept > after) logs.push({ channel: channel.name, after, items: [], more: true })
    }
    const deliver = (item: LiveItem) => {
      if (!source.isOver()) order.deliver(item)
    }
    await merge(logs, buffer, {
      horizon,
      read: (name, after, limit) => source.read(name, after, limit),
      onHole: (name, upTo) => {
        if (!order.lost) delivery.gap(name, upTo)
      },
      deliver,
    })
    if (source.isOver()) return
    // Items that came in the microtasks since the merge emptied the buffer.
    if (buffer.overflow === undefined) for (const late of buffer.take(Infinity)) deliver(late)
    order.end()
    if (buffer.overflow === undefined && buffer.origin === order.origin) break
  }
  delivery.buffer = undefined
}

/** Delivers items of several histories in order, and tells each loss between them at its place. */
class RepairedOrder {
  origin: number
  /** True if events before the origin may be missing. */
  readonly lost: boolean
  readonly #delivery: Delivery
  /** True if nothing is missing between the last item and the next one, or that was told. */
  #told = true
  /** Per channel, the position of its last item since the last loss. */
  readonly #delivered = new Map<string, number>()

  constructor(delivery: Delivery, origin: number) {
    this.#delivery = delivery
    this.origin = origin
    this.lost = origin > delivery.cursor! || (delivery.origin !== undefined && origin !== delivery.origin)
    delivery.origin = origin
    if (this.lost) delivery.subscriptions.gapEverywhere(origin)
  }

  deliver(item: LiveItem): void {
    if (item.origin! > this.origin) {
      // History began anew while the logs were read.
      this.#delivery.origin = this.origin = item.origin!
      this.#tellLoss()
      this.#told = true
    }
    if (item.position > this.#delivery.cursor!) this.#tellBefore(item.position, item)
    this.#delivery.deliver(item)
  }

  end(): void {
    this.#tellBefore(Infinity)
    this.#delivery.cursor = Math.max(this.#delivery.cursor!, this.origin)
  }

  /**
   * Kept events from before the origin are delivered after the loss was told. If later events of that time are gone, that has
   * to be told once more: at the latest origin, and at every earlier one, where events do not follow one another.
   */
  #tellBefore(position: number, item?: LiveItem): void {
    if (this.lost && !this.#told && position > this.origin) this.#tellLoss()
    this.#told = position > this.origin
    if (!item?.message.position) return
    const before = this.#delivered.get(item.channel) ?? Infinity
    if (this.lost && item.previous > before) this.#delivery.gap(item.channel, item.previous)
    this.#delivered.set(item.channel, position)
  }

  #tellLoss(): void {
    this.#delivery.subscriptions.gapEverywhere(this.origin)
    this.#delivered.clear()
  }
}
