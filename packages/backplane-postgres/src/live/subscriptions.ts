import type { BackplaneSubscriber, LiveMessage } from '@rivulet/server'

/** One subscriber of one channel. */
interface Subscription {
  readonly subscriber: BackplaneSubscriber
  /** The subscriber gets the events after this position; `undefined` until that is known. */
  floor: number | undefined
  readonly settled: Promise<void>
  resolve(): void
  reject(error: unknown): void
}

/** The subscriptions of this node. */
export class Subscriptions {
  readonly #channels = new Map<string, Map<BackplaneSubscriber, Subscription>>()
  readonly #unsettled = new Map<Subscription, string>()

  get size(): number {
    return this.#channels.size
  }

  names(): string[] {
    return [...this.#channels.keys()]
  }

  /** Adds a subscription. It is settled at once if a floor is given. */
  add(channel: string, subscriber: BackplaneSubscriber, floor: number | undefined): Promise<void> {
    const subscribers = this.#channels.get(channel) ?? new Map<BackplaneSubscriber, Subscription>()
    this.#channels.set(channel, subscribers)
    const known = subscribers.get(subscriber)
    if (known) return known.settled
    let resolve = () => {}
    let reject: (error: unknown) => void = () => {}
    const settled = new Promise<void>((onResolve, onReject) => {
      resolve = onResolve
      reject = onReject
    })
    // The caller has the promise as well, and may have left.
    settled.catch(() => {})
    const subscription: Subscription = { subscriber, floor, settled, resolve, reject }
    subscribers.set(subscriber, subscription)
    if (floor === undefined) this.#unsettled.set(subscription, channel)
    else resolve()
    return settled
  }

  remove(channel: string, subscriber: BackplaneSubscriber): void {
    const subscribers = this.#channels.get(channel)
    const subscription = subscribers?.get(subscriber)
    if (!subscription) return
    subscribers!.delete(subscriber)
    if (subscribers!.size === 0) this.#channels.delete(channel)
    this.#unsettled.delete(subscription)
    subscription.resolve()
  }

  /** Promises events after a position to every subscription that waits. */
  settle(floor: number): void {
    for (const subscription of this.#unsettled.keys()) {
      subscription.floor = floor
      subscription.resolve()
    }
    this.#unsettled.clear()
  }

  /** Ends the subscriptions that wait. */
  rejectUnsettled(error: unknown): void {
    for (const [subscription, channel] of [...this.#unsettled]) {
      subscription.reject(error)
      this.remove(channel, subscription.subscriber)
    }
  }

  deliver(channel: string, position: number, message: LiveMessage): void {
    for (const { subscriber, floor } of this.#channels.get(channel)?.values() ?? []) {
      if (floor === undefined || position <= floor) continue
      try {
        subscriber.onMessage(channel, message)
      } catch (error) {
        tellHealth(subscriber, error)
      }
    }
  }

  /** Tells those subscribers of a channel to whom events up to a position were promised that they are missing. */
  gap(channel: string, position: number): void {
    for (const { subscriber, floor } of this.#channels.get(channel)?.values() ?? []) {
      if (floor !== undefined && floor < position) tell(subscriber, (to) => to.onGap(channel))
    }
  }

  /** Tells every subscriber to whom an event before a position was promised that events may be missing, on any channel. */
  gapEverywhere(position: number): void {
    const concerned = new Set<BackplaneSubscriber>()
    for (const subscribers of this.#channels.values()) {
      for (const { subscriber, floor } of subscribers.values())
        if (floor !== undefined && floor < position) concerned.add(subscriber)
    }
    for (const subscriber of concerned) tell(subscriber, (to) => to.onGap(undefined))
  }

  report(error: unknown): void {
    const all = new Set([...this.#channels.values()].flatMap((subscribers) => [...subscribers.keys()]))
    for (const subscriber of all) tellHealth(subscriber, error)
  }
}

function tell(subscriber: BackplaneSubscriber, call: (to: BackplaneSubscriber) => void): void {
  try {
    call(subscriber)
  } catch (error) {
    tellHealth(subscriber, error)
  }
}

function tellHealth(subscriber: BackplaneSubscriber, error: unknown): void {
  try {
    subscriber.onHealth(error)
  } catch {
    // It has nobody else to tell, and must not keep others from their events.
  }
}
