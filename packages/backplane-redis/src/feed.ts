import type { BackplaneSubscriber, ReadResult } from '@rivulet/server'
import { BackplaneUnavailableError } from './errors.js'
import { Hold } from './hold.js'
import type { Keys } from './keys.js'
import { Link } from './link.js'
import { decodeLive, type LiveItem } from './live-message.js'
import { merge, type Source } from './merge.js'
import type { Positions } from './positions.js'
import { echo, heads } from './scripts.js'
import { type FeedChannel, floorOf, type Subscription, Subscriptions } from './subscriptions.js'

export interface FeedOptions {
  readonly keys: Keys
  readonly positions: Positions
  /** Tells this node's echo from those of the others. */
  readonly node: string
  readonly timeoutMs: number
  readonly lingerMs: number
  readonly probeIntervalMs: number
  read(link: Link, channel: string, after: number, limit: number): Promise<ReadResult>
}

interface Settling {
  readonly link: Link
  /** Something was subscribed to, or left, since it began. */
  again: boolean
  done: Promise<void>
}

/** How many heads one script call asks for. */
const headBatch = 512

/**
 * Brings the live events of this node's channels to their subscribers, in one order over all channels.
 *
 * `#position` is a cursor like that of a client: everything up to it was given. While a link is up it moves with what
 * pub/sub brings. After a break everything that comes is held until the logs have given what lies before it.
 */
export class Feed {
  readonly #options: FeedOptions
  readonly #subscriptions = new Subscriptions()
  readonly #echoChannel: string
  #link: Link | undefined
  #position: number | undefined
  /** What waits for the logs; `undefined` while messages are passed on as they come. */
  #hold: Hold | undefined = new Hold()
  #settling: Settling | undefined
  /** Who waits for an echo: they come in the order in which they were asked for. */
  #echoes: ((last: number) => void)[] = []
  #heardAt = 0
  #timer: NodeJS.Timeout | undefined
  /** Those who were told of the present outage. */
  #alarmed: Set<BackplaneSubscriber> | undefined

  constructor(options: FeedOptions) {
    this.#options = options
    this.#echoChannel = options.keys.echo(options.node)
  }

  subscribe(name: string, subscriber: BackplaneSubscriber): Promise<void> {
    const subscription = this.#subscriptions.add(name, subscriber)
    if (subscription.floor !== undefined) return subscription.settled
    const timer = setTimeout(() => {
      const reason = `The channel could not be subscribed to within ${this.#options.timeoutMs} ms.`
      subscription.reject(new BackplaneUnavailableError('subscribe', reason))
      this.#subscriptions.remove(name, subscriber, subscription)
    }, this.#options.timeoutMs)
    if (this.#link) void this.#settle(this.#link)
    return subscription.settled.finally(() => clearTimeout(timer))
  }

  unsubscribe(name: string, subscriber: BackplaneSubscriber): void {
    this.#subscriptions.remove(name, subscriber)
  }

  /** @param last The position of the clock when the link was opened. */
  up(link: Link, last: number): void {
    this.#link = link
    this.#position ??= last
    this.#echoes = []
    const { channels } = this.#subscriptions
    for (const [name, channel] of channels) {
      channel.heard = false
      if (channel.subscriptions.size === 0) channels.delete(name)
    }
    link.onMessage = (channel, text) => this.#receive(link, channel, text)
    this.#guard(link, this.#start(link))
    const tickMs = Math.max(10, Math.min(1000, this.#options.lingerMs, this.#options.probeIntervalMs))
    this.#timer = setInterval(() => this.#tick(link), tickMs)
  }

  down(error: Error): void {
    this.#link = undefined
    this.#hold = new Hold()
    clearInterval(this.#timer)
    if (this.#alarmed) return
    this.#alarmed = this.#subscriptions.subscribers()
    for (const subscriber of this.#alarmed) subscriber.onHealth(error)
  }

  close(): void {
    this.#link = undefined
    clearInterval(this.#timer)
    for (const { subscriptions } of this.#subscriptions.channels.values()) {
      const error = new BackplaneUnavailableError('subscribe', 'The backplane is closed.')
      for (const { floor, reject } of subscriptions.values()) if (floor === undefined) reject(error)
    }
    this.#subscriptions.channels.clear()
  }

  /** What fails on a link ends it: the next one begins from what is sure. */
  #guard(link: Link, work: Promise<unknown>): void {
    work.catch((error: unknown) => link.close(error as Error))
  }

  async #start(link: Link): Promise<void> {
    await link.subscribe([link.local(this.#echoChannel)])
    await this.#settle(link)
    await this.#repair(link)
  }

  /** Makes Redis send what is subscribed to, and no longer what is not. Resolves when that is so. */
  #settle(link: Link): Promise<void> {
    const running = this.#settling
    if (running?.link === link) {
      running.again = true
      return running.done
    }
    const begun: Settling = { link, again: false, done: Promise.resolve() }
    this.#settling = begun
    begun.done = this.#settleAll(begun)
    return begun.done
  }

  async #settleAll(run: Settling): Promise<void> {
    const { link } = run
    try {
      // Whatever is subscribed to in this turn goes into one command.
      await Promise.resolve()
      do {
        run.again = false
        while (this.#link === link && (await this.#settleSome(link))) {}
      } while (run.again)
    } catch (error) {
      link.close(error as Error)
    } finally {
      if (this.#settling === run) this.#settling = undefined
    }
  }

  async #settleSome(link: Link): Promise<boolean> {
    const { keys, lingerMs, positions } = this.#options
    const { channels } = this.#subscriptions
    const idle = [...channels.values()].filter(({ idleSince }) => idleSince! + lingerMs <= Date.now())
    if (idle.length > 0) {
      for (const { name } of idle) channels.delete(name)
      await link.unsubscribe(idle.map(({ name }) => link.local(keys.live(name))))
      return true
    }
    const silent = [...channels.values()].filter(({ heard, idleSince }) => !heard && idleSince === undefined)
    if (silent.length > 0) {
      await link.subscribe(silent.map(({ name }) => link.local(keys.live(name))))
      if (this.#link !== link) return false
      for (const channel of silent) channel.heard = true
    }
    const waiting = this.#waiting()
    if (waiting.length === 0) return false
    // Their channels are heard: what is given after this position comes, by pub/sub or by repair.
    const [last] = await link.call(heads, [keys.clock], [positions.known])
    positions.note(Number(last))
    for (const subscription of waiting) {
      subscription.floor = Number(last)
      subscription.resolve()
    }
    return true
  }

  #waiting(): Subscription[] {
    const waiting: Subscription[] = []
    for (const { heard, subscriptions } of this.#subscriptions.channels.values()) {
      if (!heard) continue
      for (const subscription of subscriptions.values())
        if (subscription.floor === undefined) waiting.push(subscription)
    }
    return waiting
  }

  #receive(link: Link, local: string, text: string): void {
    if (link !== this.#link) return
    this.#heardAt = Date.now()
    const name = this.#options.keys.channelOf(Link.channelOf(local))
    if (name === undefined) {
      const last = Number(text)
      // All that was published before it has come.
      if (!this.#hold) this.#position = Math.max(this.#position!, last)
      this.#echoes.shift()?.(last)
      return
    }
    const item = decodeLive(name, text)
    this.#options.positions.note(item.at)
    if (this.#hold) {
      this.#hold.push(item)
      return
    }
    const channel = this.#subscriptions.channels.get(name)
    if (item.message.seq !== undefined && channel?.last !== undefined && item.before !== channel.last) {
      // Redis lost its data beneath a connection that held.
      this.#hold = new Hold()
      this.#hold.push(item)
      this.#guard(link, this.#repair(link))
      return
    }
    this.#deliver(item)
  }

  #deliver(item: LiveItem): void {
    if (item.at <= this.#position!) return
    this.#position = item.at
    this.#subscriptions.deliver(item)
  }

  /** Gives what came since `#position` out of the logs, then what is held, and announces what neither has. */
  async #repair(link: Link): Promise<void> {
    for (;;) {
      if (!this.#hold || this.#hold.overflow !== undefined) this.#hold = new Hold()
      const hold = this.#hold
      const channels = this.#subscriptions.promised()
      for (const channel of channels) channel.last = undefined
      const { origin, horizon, states } = await this.#readHeads(link, channels)
      // Behind its echo, everything that was published before these heads were read has come.
      await this.#echo(link)
      if (link !== this.#link) return
      // Nothing is known of what was before.
      const lost = origin > this.#position!
      if (lost) this.#subscriptions.gapEverywhere()
      // What was kept from before follows. Where something came after it and is gone, that has to be told once more: at the
      // latest start of history, and at every earlier one, which shows in that events do not follow one another.
      let told = true
      const given = new Map<string, number>()
      const tellBefore = (place: number, item?: LiveItem) => {
        if (lost && !told && place > origin) {
          this.#subscriptions.gapEverywhere()
          given.clear()
        }
        told = place > origin
        if (!item?.message.seq) return
        if (lost && item.before > (given.get(item.channel) ?? Infinity)) this.#tellGap(item.channel)
        given.set(item.channel, place)
      }
      const give = (item: LiveItem) => {
        if (link !== this.#link || item.at <= this.#position!) return
        tellBefore(item.at, item)
        this.#deliver(item)
      }
      const sources: Source[] = []
      for (const [channel, [head, unkept]] of states) {
        const after = Math.max(this.#position!, floorOf(channel) ?? Infinity)
        const missed = hold.firstUnkept.get(channel.name)?.before ?? unkept
        if (missed > after && !lost) this.#subscriptions.gap(channel)
        if (head > after) sources.push({ channel: channel.name, after, items: [], more: true })
      }
      await merge(sources, hold, {
        horizon,
        read: (name, after, limit) => this.#options.read(link, name, after, limit),
        onHole: (name) => {
          if (!lost) this.#tellGap(name)
        },
        deliver: give,
      })
      if (link !== this.#link) return
      // What came in the microtasks since the merge took what was held.
      if (hold.overflow === undefined) for (const late of hold.take(Infinity)) give(late)
      tellBefore(Infinity)
      this.#position = Math.max(this.#position!, origin)
      if (hold.overflow === undefined) break
    }
    this.#hold = undefined
    for (const subscriber of this.#alarmed ?? []) subscriber.onHealth(undefined)
    this.#alarmed = undefined
  }

  #tellGap(name: string): void {
    const channel = this.#subscriptions.channels.get(name)
    if (channel) this.#subscriptions.gap(channel)
  }

  /** The channels' heads; `horizon` is the position of the last event, on any channel, when they were read. */
  async #readHeads(link: Link, channels: readonly FeedChannel[]) {
    const { keys, positions } = this.#options
    const states = new Map<FeedChannel, [head: number, unkept: number]>()
    let origin = 0
    let horizon = 0
    for (let from = 0; from === 0 || from < channels.length; from += headBatch) {
      const some = channels.slice(from, from + headBatch)
      const names = [keys.clock, ...some.map(({ name }) => keys.head(name))]
      const [last, start, ...rest] = (await link.call(heads, names, [positions.known])).map(Number)
      origin = start!
      if (from === 0) horizon = last!
      for (const [index, channel] of some.entries()) states.set(channel, [rest[index * 2]!, rest[index * 2 + 1]!])
    }
    return { origin, horizon, states }
  }

  /** Resolves when a message that is published now comes back: what was published before has come then. */
  async #echo(link: Link): Promise<void> {
    const { keys, positions } = this.#options
    const came = new Promise<number>((resolve) => this.#echoes.push(resolve))
    await Promise.all([
      link.call(echo, [keys.clock], [positions.known, link.local(this.#echoChannel)]),
      link.within(came),
    ])
  }

  #tick(link: Link): void {
    const now = Date.now()
    void this.#settle(link)
    if (now - this.#heardAt < this.#options.probeIntervalMs) return
    // A connection may be dead, or its server no longer in charge, without saying so, and then nothing would ever come.
    this.#heardAt = now
    this.#guard(link, Promise.all([this.#echo(link), link.verify()]))
  }
}
