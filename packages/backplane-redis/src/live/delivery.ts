import type { LiveItem } from './live-message.js'
import { RepairBuffer } from './repair-buffer.js'
import { Subscriptions } from './subscriptions.js'

// Delivers events from Redis to subscribers in one order over all channels, each once.

/** Delivers items to subscribers in one order over all channels, each once. */
export class Delivery {
  readonly subscriptions: Subscriptions = new Subscriptions()
  /** Everything up to this position was delivered; `undefined` before the first link. */
  cursor: number | undefined
  /** The origin of history that the subscribers know. */
  origin: number | undefined
  /** The items that wait for a repair; `undefined` while items are delivered as they come. */
  buffer: RepairBuffer | undefined = new RepairBuffer()

  deliver(item: LiveItem): void {
    const channel = this.subscriptions.channels.get(item.channel)
    if (channel && item.message.position !== undefined) {
      const { last = 0 } = channel
      // A link misses nothing and history goes on, so something else has changed the channel's head: it lost some of its
      // events, or a new run has the id of an earlier one, and concerns nobody who joined after its beginning.
      if (last > item.origin! && item.position > last && item.previous !== last)
        this.subscriptions.gap(channel, item.previous > last ? item.previous : item.position)
      channel.last = Math.max(last, item.position)
    }
    if (item.position <= this.cursor!) return
    this.cursor = item.position
    this.subscriptions.deliver(item)
  }

  /** Tells a channel's subscribers that events up to a position are missing. */
  gap(name: string, position: number): void {
    const channel = this.subscriptions.channels.get(name)
    if (channel) this.subscriptions.gap(channel, position)
  }
}
