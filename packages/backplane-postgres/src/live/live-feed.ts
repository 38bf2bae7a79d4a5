import type { BackplaneSubscriber } from '@rivulet/server'
import { retryDelay } from '../database/timing.js'
import type { FeedPage, FeedSource } from './feed-page.js'
import { Health } from './health.js'
import { Subscriptions } from './subscriptions.js'

export interface LiveFeedOptions {
  readonly source: FeedSource
  /** Time without a wake-up after which the feed reads anyway, in milliseconds. */
  readonly pollMs: number
  readonly random?: () => number
  readonly setTimeout?: (callback: () => void, ms: number) => unknown
  readonly clearTimeout?: (timer: unknown) => void
}

/** With more channels, a node reads the events of all channels and drops those that it does not need. */
const maxNames = 200

/**
 * Delivers events to the subscribers of this node, in the order of their positions.
 *
 * It reads the table from its cursor whenever it is woken, and regularly, because a wake-up can get lost. Events become
 * visible in the order of their positions, so nothing can appear behind the cursor.
 */
export class LiveFeed {
  readonly subscriptions: Subscriptions = new Subscriptions()
  readonly health: Health = new Health((error) => this.subscriptions.report(error))
  readonly #options: Required<LiveFeedOptions>
  /** Everything up to this position was delivered; `undefined` while nobody subscribes. */
  #cursor: number | undefined
  #origin = 0
  #reading = false
  #again = false
  #failures = 0
  #timer: unknown
  #closed = false

  constructor(options: LiveFeedOptions) {
    this.#options = {
      random: Math.random,
      setTimeout: (callback, ms) => setTimeout(callback, ms),
      clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
      ...options,
    }
  }

  get cursor(): number | undefined {
    return this.#cursor
  }

  subscribe(channel: string, subscriber: BackplaneSubscriber): Promise<void> {
    // Between two reads everything up to the cursor was delivered. A read that is under way may not have asked for the channel.
    const idle = !this.#reading && this.#failures === 0
    const settled = this.subscriptions.add(channel, subscriber, idle ? this.#cursor : undefined)
    if (this.#cursor === undefined || !idle) this.wake()
    return settled
  }

  unsubscribe(channel: string, subscriber: BackplaneSubscriber): void {
    this.subscriptions.remove(channel, subscriber)
  }

  /** Reads new events. Call this when some may have been stored. */
  wake(): void {
    if (this.#reading) this.#again = true
    else if (!this.#closed) void this.#run()
  }

  async #run(): Promise<void> {
    this.#reading = true
    this.#options.clearTimeout(this.#timer)
    try {
      do {
        this.#again = false
        if (this.subscriptions.size === 0) this.#cursor = undefined
        else await this.#read()
      } while (this.#again && !this.#closed)
      this.#succeeded()
    } catch (error) {
      this.#failed(error)
    }
    this.#reading = false
    this.#wait()
  }

  #wait(): void {
    if (this.#closed || this.subscriptions.size === 0) return
    const { pollMs, random } = this.#options
    const delayMs = this.#failures > 0 ? retryDelay(this.#failures, random) : pollMs
    this.#timer = this.#options.setTimeout(() => this.wake(), delayMs)
  }

  async #read(): Promise<void> {
    const { source } = this.#options
    const names = this.subscriptions.size > maxNames ? undefined : this.subscriptions.names()
    const after = this.#cursor
    const page = await source.read(after, after === undefined ? [] : names)
    if (this.#closed) return
    if (after === undefined) this.#origin = page.origin
    else this.#deliver(after, page)
    this.#cursor = Math.max(page.upTo, after ?? 0)
    this.subscriptions.settle(this.#cursor)
    if (page.more) this.#again = true
  }

  #deliver(after: number, { events, origin, liveFloor, lost }: FeedPage): void {
    const seen = new Map<string, number>()
    if (liveFloor > after) this.subscriptions.gapEverywhere(liveFloor)
    for (const { channel, position, message } of events) {
      if (position > origin) this.#begin(origin, seen)
      const { previous } = message
      if (previous !== undefined && previous > after && previous > this.#origin && previous !== seen.get(channel)) {
        this.subscriptions.gap(channel, previous)
      }
      if (previous !== undefined) seen.set(channel, position)
      this.subscriptions.deliver(channel, position, message)
    }
    for (const { channel, position } of lost) {
      if (position > after && position > (seen.get(channel) ?? 0)) this.subscriptions.gap(channel, position)
    }
    this.#begin(origin, seen)
  }

  /** Notes the origin of history. A new one means that events before it may be gone. */
  #begin(origin: number, seen: Map<string, number>): void {
    if (origin === this.#origin) return
    this.#origin = origin
    seen.clear()
    this.subscriptions.gapEverywhere(origin)
  }

  #succeeded(): void {
    this.#failures = 0
    this.health.works('feed')
  }

  #failed(error: unknown): void {
    this.subscriptions.rejectUnsettled(error)
    this.#failures++
    if (!this.#closed) this.health.failed('feed', error)
  }

  close(): void {
    this.#closed = true
    this.#options.clearTimeout(this.#timer)
    this.subscriptions.rejectUnsettled(new Error('The backplane is closed.'))
  }
}
