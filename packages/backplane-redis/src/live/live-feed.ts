import type { BackplaneSubscriber, ReadResult } from '@rivulet/server'
import { BackplaneUnavailableError, RedisSetupError } from '../link/errors.js'
import type { History } from '../link/history.js'
import type { Keys } from '../link/keys.js'
import { RedisLink } from '../link/redis-link.js'
import { Delivery } from './delivery.js'
import { decodeEcho, type Echo, Echoes } from './echoes.js'
import { readHeads } from './heads.js'
import { decodeLive, type LiveItem } from './live-message.js'
import { repair } from './repair.js'
import { RepairBuffer } from './repair-buffer.js'
import { Settling } from './settling.js'

export interface FeedOptions {
  readonly keys: Keys
  readonly history: History
  /** Distinguishes this node from the others. */
  readonly node: string
  readonly timeoutMs: number
  readonly lingerMs: number
  readonly probeIntervalMs: number
  read(link: RedisLink, channel: string, after: number, limit: number): Promise<ReadResult>
}

/**
 * Brings the live events of this node's channels to their subscribers, in one order over all channels.
 *
 * While a link is up, events are delivered as pub/sub brings them. After a break all of them are buffered until a repair has
 * delivered the earlier ones from the logs.
 */
export class LiveFeed {
  readonly #options: FeedOptions
  readonly #delivery = new Delivery()
  readonly #subscriptions = this.#delivery.subscriptions
  readonly #settling: Settling
  readonly #echoes: Echoes
  #link: RedisLink | undefined
  #heardAt = 0
  #timer: NodeJS.Timeout | undefined
  /** The subscribers that were told of the present outage. */
  #alarmed: Set<BackplaneSubscriber> | undefined
  /** The fault in the setup of Redis that is the reason for having no link. */
  #fault: RedisSetupError | undefined

  constructor(options: FeedOptions) {
    const { keys, history, node, lingerMs } = options
    this.#options = options
    this.#echoes = new Echoes(keys, history, node)
    const onOrigin = (link: RedisLink, origin: number) => {
      if (!this.#delivery.buffer && origin !== this.#delivery.origin) this.#repairFrom(link, new RepairBuffer())
    }
    this.#settling = new Settling({ keys, history, lingerMs, subscriptions: this.#subscriptions, onOrigin })
  }

  subscribe(name: string, subscriber: BackplaneSubscriber): Promise<void> {
    if (this.#fault) return Promise.reject(this.#fault)
    const subscription = this.#subscriptions.add(name, subscriber)
    if (subscription.floor !== undefined) return subscription.settled
    const timer = setTimeout(() => {
      const reason = `The subscription was not confirmed within ${this.#options.timeoutMs} ms.`
      subscription.reject(new BackplaneUnavailableError('subscribe', reason))
      this.#subscriptions.remove(name, subscriber, subscription)
    }, this.#options.timeoutMs)
    if (this.#link) void this.#settling.settle(this.#link)
    return subscription.settled.finally(() => clearTimeout(timer))
  }

  unsubscribe(name: string, subscriber: BackplaneSubscriber): void {
    this.#subscriptions.remove(name, subscriber)
  }

  /** @param last The clock's position when the link was opened. */
  up(link: RedisLink, last: number): void {
    this.#link = this.#settling.link = link
    this.#delivery.cursor ??= last
    this.#echoes.reset()
    this.#fault = undefined
    this.#subscriptions.silence()
    link.onMessage = (channel, text) => this.#receive(link, channel, text)
    this.#guard(link, this.#start(link))
    const tickMs = Math.max(10, Math.min(1000, this.#options.lingerMs, this.#options.probeIntervalMs))
    this.#timer = setInterval(() => this.#tick(link), tickMs)
  }

  down(error: Error): void {
    this.#link = this.#settling.link = undefined
    this.#delivery.buffer = new RepairBuffer()
    this.#fault = error instanceof RedisSetupError ? error : undefined
    if (this.#fault) this.#subscriptions.rejectUnsettled(this.#fault)
    clearInterval(this.#timer)
    if (this.#alarmed) return
    this.#alarmed = this.#subscriptions.subscribers()
    for (const subscriber of this.#alarmed) subscriber.onHealth(error)
  }

  /** Tells subscribers of a failure that is no outage. */
  report(error: unknown): void {
    for (const subscriber of this.#subscriptions.subscribers()) subscriber.onHealth(error)
  }

  close(): void {
    this.#link = this.#settling.link = undefined
    clearInterval(this.#timer)
    this.#subscriptions.rejectUnsettled(new BackplaneUnavailableError('subscribe', 'The backplane is closed.'))
    this.#subscriptions.channels.clear()
  }

  /** Ends the link when work on it fails: the next link begins from what is certain. */
  #guard(link: RedisLink, work: Promise<unknown>): void {
    work.catch((error: unknown) => link.close(error as Error))
  }

  async #start(link: RedisLink): Promise<void> {
    await link.subscribe([link.local(this.#echoes.channel)])
    await this.#settling.settle(link)
    await this.#repair(link)
  }

  #receive(link: RedisLink, local: string, text: string): void {
    if (link !== this.#link) return
    this.#heardAt = Date.now()
    const name = this.#options.keys.channelOf(RedisLink.channelOf(local))
    if (name === undefined) this.#receiveEcho(link, decodeEcho(text))
    else for (const item of decodeLive(name, text)) this.#receiveItem(link, item)
  }

  #receiveEcho(link: RedisLink, { last, origin }: Echo): void {
    const delivery = this.#delivery
    this.#options.history.note(last)
    if (delivery.buffer) delivery.buffer.origin = origin
    // Every message that was published before the echo has come, unless it belongs to another history.
    else if (origin === delivery.origin) delivery.cursor = Math.max(delivery.cursor!, last)
    else this.#repairFrom(link, new RepairBuffer())
    this.#echoes.came()
  }

  #receiveItem(link: RedisLink, item: LiveItem): void {
    const delivery = this.#delivery
    this.#options.history.note(item.position)
    if (delivery.buffer) delivery.buffer.push(item)
    else if (item.origin === delivery.origin) delivery.deliver(item)
    else {
      const buffer = new RepairBuffer()
      buffer.push(item)
      this.#repairFrom(link, buffer)
    }
  }

  #repairFrom(link: RedisLink, buffer: RepairBuffer): void {
    this.#delivery.buffer = buffer
    this.#guard(link, this.#repair(link))
  }

  async #repair(link: RedisLink): Promise<void> {
    const { keys, history, read } = this.#options
    await repair(this.#delivery, {
      isOver: () => link !== this.#link,
      readHeads: (channels) => readHeads(link, keys, history.known, channels),
      echo: () => this.#echoes.send(link),
      read: (channel, after, limit) => read(link, channel, after, limit),
    })
    if (link !== this.#link) return
    for (const subscriber of this.#alarmed ?? []) subscriber.onHealth(undefined)
    this.#alarmed = undefined
  }

  #tick(link: RedisLink): void {
    const now = Date.now()
    void this.#settling.settle(link)
    if (now - this.#heardAt < this.#options.probeIntervalMs) return
    // A connection may be dead, or its server no longer in charge, without any sign. Then no message would ever come.
    this.#heardAt = now
    this.#guard(link, Promise.all([this.#echoes.send(link), link.verify()]))
  }
}
