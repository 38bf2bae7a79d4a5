import type { BackplaneSubscriber } from '@rivulet/server'
import type { LiveItem } from './live-message.js'

/** One subscriber of one channel. */
export interface Subscription {
  readonly channel: FeedChannel
  readonly subscriber: BackplaneSubscriber
  /** The subscriber gets the events after this position; `undefined` until the subscription is settled. */
  floor: number | undefined
  readonly settled: Promise<void>
  resolve(): void
  reject(error: Error): void
}

/** A channel that this node hears, or has to hear. */
export interface FeedChannel {
  readonly name: string
  readonly subscriptions: Map<BackplaneSubscriber, Subscription>
  /** True once Redis has confirmed, on the present link, that the channel's events come. */
  heard: boolean
  /** The position of the last kept event that came; the next one has to follow it. */
  last: number | undefined
  /** The time since which nobody subscribes to it. */
  idleSince: number | undefined
}

/** The subscriptions of this node. It may have very many channels, so pending work is found without a look at all of them. */
export class Subscriptions {
  readonly channels: Map<string, FeedChannel> = new Map()
  /** Channels that have subscribers and are not heard. */
  readonly silent: Set<FeedChannel> = new Set()
  /** Channels without subscribers, those that have been idle longest first. */
  readonly #idle: Set<FeedChannel> = new Set()
  readonly #unsettled: Set<Subscription> = new Set()

  /** Adds a subscription, which is settled when its channel is heard. */
  add(name: string, subscriber: BackplaneSubscriber): Subscription {
    let channel = this.channels.get(name)
    if (!channel) {
      channel = { name, subscriptions: new Map(), heard: false, last: undefined, idleSince: undefined }
      this.channels.set(name, channel)
    }
    channel.idleSince = undefined
    this.#idle.delete(channel)
    if (!channel.heard) this.silent.add(channel)
    const existing = channel.subscriptions.get(subscriber)
    if (existing) return existing
    let resolve = () => {}
    let reject = (_: Error) => {}
    const settled = new Promise<void>((onResolve, onReject) => {
      resolve = onResolve
      reject = onReject
    })
    const subscription = { channel, subscriber, floor: undefined, settled, resolve, reject }
    channel.subscriptions.set(subscriber, subscription)
    this.#unsettled.add(subscription)
    return subscription
  }

  /** @param only Removes this subscription alone, not a later one of the same subscriber. */
  remove(name: string, subscriber: BackplaneSubscriber, only?: Subscription): void {
    const channel = this.channels.get(name)
    const subscription = channel?.subscriptions.get(subscriber)
    if (!channel || !subscription || (only && subscription !== only)) return
    channel.subscriptions.delete(subscriber)
    this.#unsettled.delete(subscription)
    if (channel.subscriptions.size === 0) {
      channel.idleSince = Date.now()
      this.#idle.add(channel)
      this.silent.delete(channel)
    }
    subscription.resolve()
  }

  /** Notes that no channel is heard any more: those that have subscribers have to be heard anew. */
  silence(): void {
    this.#idle.clear()
    for (const [name, channel] of this.channels) {
      channel.heard = false
      channel.last = undefined
      if (channel.subscriptions.size === 0) this.channels.delete(name)
      else this.silent.add(channel)
    }
  }

  /** Removes and returns the channels that have been idle since a time. */
  takeIdle(since: number): FeedChannel[] {
    const taken: FeedChannel[] = []
    for (const channel of this.#idle) {
      if (channel.idleSince! > since) break
      this.#idle.delete(channel)
      this.channels.delete(channel.name)
      taken.push(channel)
    }
    return taken
  }

  /** The unsettled subscriptions whose channel is heard. */
  unsettled(): Subscription[] {
    return [...this.#unsettled].filter(({ channel }) => channel.heard)
  }

  settle(subscription: Subscription, floor: number): void {
    this.#unsettled.delete(subscription)
    subscription.floor = floor
    subscription.resolve()
  }

  rejectUnsettled(error: Error): void {
    for (const subscription of [...this.#unsettled]) {
      subscription.reject(error)
      this.remove(subscription.channel.name, subscription.subscriber, subscription)
    }
  }

  subscribers(): Set<BackplaneSubscriber> {
    const all = new Set<BackplaneSubscriber>()
    for (const { subscriptions } of this.channels.values())
      for (const { subscriber } of subscriptions.values()) all.add(subscriber)
    return all
  }

  /** The channels with a settled subscription. */
  promised(): FeedChannel[] {
    return [...this.channels.values()].filter((channel) => floorOf(channel) !== undefined)
  }

  deliver({ channel: name, position, message }: LiveItem): void {
    for (const { subscriber, floor } of this.channels.get(name)?.subscriptions.values() ?? []) {
      if (floor !== undefined && position > floor) subscriber.onMessage(name, message)
    }
  }

  /** Tells the subscribers of a channel that events up to a position are missing, if those events were promised to them. */
  gap({ name, subscriptions }: FeedChannel, position: number): void {
    for (const { subscriber, floor } of subscriptions.values()) if (floor! < position) subscriber.onGap(name)
  }

  /** Tells that history begins at a position to every subscriber who was promised earlier events. */
  gapEverywhere(origin: number): void {
    const concerned = new Set<BackplaneSubscriber>()
    for (const { subscriptions } of this.channels.values()) {
      for (const { subscriber, floor } of subscriptions.values()) if (floor! < origin) concerned.add(subscriber)
    }
    for (const subscriber of concerned) subscriber.onGap(undefined)
  }
}

/** The lowest floor of a channel's subscriptions; `undefined` if none is settled. */
export function floorOf({ subscriptions }: FeedChannel): number | undefined {
  let lowest: number | undefined
  for (const { floor } of subscriptions.values()) {
    if (floor !== undefined && !(floor >= lowest!)) lowest = floor
  }
  return lowest
}
