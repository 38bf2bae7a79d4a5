import type { BackplaneSubscriber } from '@rivulet/server'
import type { LiveItem } from './live-message.js'

/** One subscriber on one channel. */
export interface Subscription {
  readonly channel: FeedChannel
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

/** Who subscribes to what. What is to be done is known without a look at all channels: there may be very many. */
export class Subscriptions {
  readonly channels: Map<string, FeedChannel> = new Map()
  /** Those that are wanted and not heard. */
  readonly silent: Set<FeedChannel> = new Set()
  /** Those that nobody subscribes to any more, the longest first. */
  readonly #idle: Set<FeedChannel> = new Set()
  readonly #unsettled: Set<Subscription> = new Set()

  /** Takes effect at once; it is settled when the channel is heard. */
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

  /** @param only Nothing happens when the subscriber has another subscription by now. */
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

  /** Nothing is heard any more: what is still wanted has to be heard anew. */
  silence(): void {
    this.#idle.clear()
    for (const [name, channel] of this.channels) {
      channel.heard = false
      channel.last = undefined
      if (channel.subscriptions.size === 0) this.channels.delete(name)
      else this.silent.add(channel)
    }
  }

  /** Takes out the channels that nobody has subscribed to since then. */
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

  /** Those whose channel is heard and that have not been promised anything yet. */
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

  /** The channels of which someone has been promised the events. */
  promised(): FeedChannel[] {
    return [...this.channels.values()].filter((channel) => floorOf(channel) !== undefined)
  }

  deliver({ channel: name, position, message }: LiveItem): void {
    for (const { subscriber, floor } of this.channels.get(name)?.subscriptions.values() ?? []) {
      if (floor !== undefined && position > floor) subscriber.onMessage(name, message)
    }
  }

  /** Something up to a position is missing: tells those who were promised it. */
  gap({ name, subscriptions }: FeedChannel, position: number): void {
    for (const { subscriber, floor } of subscriptions.values()) if (floor! < position) subscriber.onGap(name)
  }

  /** History begins at a position: tells all who were promised what comes after an earlier one. */
  gapEverywhere(origin: number): void {
    const concerned = new Set<BackplaneSubscriber>()
    for (const { subscriptions } of this.channels.values()) {
      for (const { subscriber, floor } of subscriptions.values()) if (floor! < origin) concerned.add(subscriber)
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
