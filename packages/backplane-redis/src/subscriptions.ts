import type { BackplaneSubscriber } from '@rivulet/server'
import type { LiveItem } from './live-message.js'

/** One subscriber on one channel. */
export interface Subscription {
  readonly subscriber: BackplaneSubscriber
  /** It gets what comes after this position; `undefined` until that is settled. */
  floor: number | undefined
  readonly settled: Promise<void>
  resolve(): void
  reject(error: Error): void
}

/** A channel that this node hears, or is to hear. */
export interface FeedChannel {
  readonly name: string
  readonly subscriptions: Map<BackplaneSubscriber, Subscription>
  /** Whether Redis confirmed, on the present link, that its events come. */
  heard: boolean
  /** The position of the last kept event that came, to see whether the next one follows it. */
  last: number | undefined
  /** Since when nobody subscribes to it. */
  idleSince: number | undefined
}

/** Who subscribes to what. */
export class Subscriptions {
  readonly channels: Map<string, FeedChannel> = new Map()

  /** Takes effect at once; it is settled when the channel is heard. */
  add(name: string, subscriber: BackplaneSubscriber): Subscription {
    let channel = this.channels.get(name)
    if (!channel) {
      channel = { name, subscriptions: new Map(), heard: false, last: undefined, idleSince: undefined }
      this.channels.set(name, channel)
    }
    channel.idleSince = undefined
    const existing = channel.subscriptions.get(subscriber)
    if (existing) return existing
    let resolve = () => {}
    let reject = (_: Error) => {}
    const settled = new Promise<void>((onResolve, onReject) => {
      resolve = onResolve
      reject = onReject
    })
    const subscription = { subscriber, floor: undefined, settled, resolve, reject }
    channel.subscriptions.set(subscriber, subscription)
    return subscription
  }

  /** @param only Nothing happens when the subscriber has another subscription by now. */
  remove(name: string, subscriber: BackplaneSubscriber, only?: Subscription): void {
    const channel = this.channels.get(name)
    const subscription = channel?.subscriptions.get(subscriber)
    if (!channel || !subscription || (only && subscription !== only)) return
    channel.subscriptions.delete(subscriber)
    if (channel.subscriptions.size === 0) channel.idleSince = Date.now()
    subscription.resolve()
  }

  subscribers(): Set<BackplaneSubscriber> {
    const all = new Set<BackplaneSubscriber>()
    for (const { subscriptions } of this.channels.values())
      for (const { subscriber } of subscriptions.values()) all.add(subscriber)
    return all
  }

  /** The channels of which someone has been promised the events. */
  promised(): FeedChannel[] {
    return [...this.channels.values()].filter((channel) => floorOf(channel) !== undefined)
  }

  deliver({ channel: name, at, message }: LiveItem): void {
    const channel = this.channels.get(name)
    if (!channel) return
    if (message.seq !== undefined) channel.last = at
    for (const { subscriber, floor } of channel.subscriptions.values()) {
      if (floor !== undefined && at > floor) subscriber.onMessage(name, message)
    }
  }

  gap({ name, subscriptions }: FeedChannel): void {
    for (const { subscriber, floor } of subscriptions.values()) if (floor !== undefined) subscriber.onGap(name)
  }

  gapEverywhere(): void {
    const concerned = new Set<BackplaneSubscriber>()
    for (const { subscriptions } of this.channels.values()) {
      for (const { subscriber, floor } of subscriptions.values()) if (floor !== undefined) concerned.add(subscriber)
    }
    for (const subscriber of concerned) subscriber.onGap(undefined)
  }
}

/** The lowest floor of a channel's subscriptions; `undefined` where none is settled. */
export function floorOf({ subscriptions }: FeedChannel): number | undefined {
  let lowest: number | undefined
  for (const { floor } of subscriptions.values()) {
    if (floor !== undefined && !(floor >= lowest!)) lowest = floor
  }
  return lowest
}
