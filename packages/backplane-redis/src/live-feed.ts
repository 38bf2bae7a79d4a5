import type { BackplaneSubscriber, ReadResult } from '@rivulet/server'
import { BackplaneUnavailableError, RedisSetupError } from './errors.js'
import type { Keys } from './keys.js'
import { decodeEcho, decodeLive, type Echo, type LiveItem } from './live-message.js'
import { merge, type Source } from './merge.js'
import type { Positions } from './positions.js'
import { RedisLink } from './redis-link.js'
import { RepairBuffer } from './repair-buffer.js'
import { echo, heads } from './scripts.js'
import { type FeedChannel, floorOf, Subscriptions } from './subscriptions.js'

export interface FeedOptions {
  readonly keys: Keys
  readonly positions: Positions
  /** Tells this node's echo from those of the others. */
  readonly node: string
  readonly timeoutMs: number
  readonly lingerMs: number
  readonly probeIntervalMs: number
  read(link: RedisLink, channel: string, after: number, limit: number): Promise<ReadResult>
}

interface Settling {
  readonly link: RedisLink
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
export class LiveFeed {
  readonly #options: FeedOptions
  readonly #subscriptions = new Subscriptions()
  readonly #echoChannel: string
  #link: RedisLink | undefined
  #position: number | undefined
  /** Where history begins, as far as the subscribers were told. */
  #origin: number | undefined
  /** What waits for the logs; `undefined` while messages are passed on as they come. */
  #hold: RepairBuffer | undefined = new RepairBuffer()
  #settling: Settling | undefined
  /** Who waits for an echo: they come in the order in which they were asked for. */
  #echoes: (() => void)[] = []
  #heardAt = 0
  #timer: NodeJS.Timeout | undefined
  /** Those who were told of the present outage. */
  #alarmed: Set<BackplaneSubscriber> | undefined
  /** Why there is no link, where it takes someone to set Redis up otherwise. */
  #fault: RedisSetupError | undefined

  constructor(options: FeedOptions) {
    this.#options = options
    this.#echoChannel = options.keys.echo(options.node)
  }

  subscribe(name: string, subscriber: BackplaneSubscriber): Promise<void> {
    if (this.#fault) return Promise.reject(this.#fault)
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
  up(link: RedisLink, last: number): void {
    this.#link = link
    this.#position ??= last
    this.#echoes = []
    this.#fault = undefined
    this.#subscriptions.silence()
    link.onMessage = (channel, text) => this.#receive(link, channel, text)
    this.#guard(link, this.#start(link))
    const tickMs = Math.max(10, Math.min(1000, this.#options.lingerMs, this.#options.probeIntervalMs))
    this.#timer = setInterval(() => this.#tick(link), tickMs)
  }

  down(error: Error): void {
    this.#link = undefined
    this.#hold = new RepairBuffer()
    this.#fault = error instanceof RedisSetupError ? error : undefined
    if (this.#fault) this.#subscriptions.rejectUnsettled(this.#fault)
    clearInterval(this.#timer)
    if (this.#alarmed) return
    this.#alarmed = this.#subscriptions.subscribers()
    for (const subscriber of this.#alarmed) subscriber.onHealth(error)
  }

  /** Tells of what failed without an outage. */
  report(error: unknown): void {
    for (const subscriber of this.#subscriptions.subscribers()) subscriber.onHealth(error)
  }

  close(): void {
    this.#link = undefined
    clearInterval(this.#timer)
    this.#subscriptions.rejectUnsettled(new BackplaneUnavailableError('subscribe', 'The backplane is closed.'))
    this.#subscriptions.channels.clear()
  }

  /** What fails on a link ends it: the next one begins from what is sure. */
  #guard(link: RedisLink, work: Promise<unknown>): void {
    work.catch((error: unknown) => link.close(error as Error))
  }

  async #start(link: RedisLink): Promise<void> {
    await link.subscribe([link.local(this.#echoChannel)])
    await this.#settle(link)
    await this.#repair(link)
  }

  /** Makes Redis send what is subscribed to, and no longer what is not. Resolves when that is so. */
  #settle(link: RedisLink): Promise<void> {
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

  async #settleSome(link: RedisLink): Promise<boolean> {
    const { keys, lingerMs, positions } = this.#options
    const subscriptions = this.#subscriptions
    const idle = subscriptions.takeIdle(Date.now() - lingerMs)
    if (idle.length > 0) {
      await link.unsubscribe(idle.map(({ name }) => link.local(keys.live(name))))
      return true
    }
    const silent = [...subscriptions.silent]
    if (silent.length > 0) {
      await link.subscribe(silent.map(({ name }) => link.local(keys.live(name))))
      if (this.#link !== link) return false
      for (const channel of silent) {
        subscriptions.silent.delete(channel)
        channel.heard = true
      }
    }
    const unsettled = subscriptions.unsettled()
    if (unsettled.length === 0) return false
    // Their channels are heard: what is given after this position comes, by pub/sub or by repair.
    const [last, origin] = (await link.call(heads, [keys.clock], [positions.known])).map(Number)
    positions.note(last!)
    for (const subscription of unsettled) subscriptions.settle(subscription, last!)
    if (!this.#hold && origin !== this.#origin) this.#repairFrom(link, new RepairBuffer())
    return true
  }

  #receive(link: RedisLink, local: string, text: string): void {
    if (link !== this.#link) return
    this.#heardAt = Date.now()
    const name = this.#options.keys.channelOf(RedisLink.channelOf(local))
    if (name === undefined) this.#receiveEcho(link, decodeEcho(text))
    else this.#receiveItem(link, decodeLive(name, text))
  }

  #receiveEcho(link: RedisLink, { last, origin }: Echo): void {
    this.#options.positions.note(last)
    if (this.#hold) this.#hold.origin = origin
    // All that was published before it has come, unless that was in another history.
    else if (origin === this.#origin) this.#position = Math.max(this.#position!, last)
    else this.#repairFrom(link, new RepairBuffer())
    this.#echoes.shift()?.()
  }

  #receiveItem(link: RedisLink, item: LiveItem): void {
    this.#options.positions.note(item.position)
    if (this.#hold) this.#hold.push(item)
    else if (item.origin === this.#origin) this.#deliver(item)
    else {
      const hold = new RepairBuffer()
      hold.push(item)
      this.#repairFrom(link, hold)
    }
  }

  #deliver(item: LiveItem): void {
    const channel = this.#subscriptions.channels.get(item.channel)
    if (channel && item.message.position !== undefined) {
      const { last = 0 } = channel
      // A link leaves nothing out, and history goes on: another hand has been at the channel's head.
      if (last > item.origin! && item.position > last && item.previous !== last)
        this.#subscriptions.gap(channel, item.position)
      channel.last = Math.max(last, item.position)
    }
    if (item.position <= this.#position!) return
    this.#position = item.position
    this.#subscriptions.deliver(item)
  }

  #repairFrom(link: RedisLink, hold: RepairBuffer): void {
    this.#hold = hold
    this.#guard(link, this.#repair(link))
  }

  /** Gives what came since `#position` out of the logs, then what is held, and announces what neither has. */
  async #repair(link: RedisLink): Promise<void> {
    for (let hold = this.#hold ?? new RepairBuffer(); ; hold = new RepairBuffer()) {
      this.#hold = hold
      const channels = this.#subscriptions.promised()
      const { horizon, states, ...read } = await this.#readHeads(link, channels)
      // Behind its echo, everything that was published before these heads were read has come.
      await this.#echo(link)
      if (link !== this.#link) return
      let { origin } = read
      // Nothing is known of what was before.
      const lost = origin > this.#position! || (this.#origin !== undefined && origin !== this.#origin)
      this.#origin = origin
      if (lost) this.#subscriptions.gapEverywhere(origin)
      // What was kept from before follows. Where something came after it and is gone, that has to be told once more: at the
      // latest start of history, and at every earlier one, which shows in that events do not follow one another.
      let told = true
      const given = new Map<string, number>()
      const tellBefore = (place: number, item?: LiveItem) => {
        if (lost && !told && place > origin) {
          this.#subscriptions.gapEverywhere(origin)
          given.clear()
        }
        told = place > origin
        if (!item?.message.position) return
        if (lost && item.previous > (given.get(item.channel) ?? Infinity)) this.#tellGap(item.channel, item.previous)
        given.set(item.channel, place)
      }
      const give = (item: LiveItem) => {
        if (link !== this.#link) return
        if (item.origin! > origin) {
          // It began anew while the logs were read.
          this.#origin = origin = item.origin!
          this.#subscriptions.gapEverywhere(origin)
          told = true
          given.clear()
        }
        if (item.position > this.#position!) tellBefore(item.position, item)
        this.#deliver(item)
      }
      const sources: Source[] = []
      for (const [channel, [head, unkept]] of states) {
        channel.last = undefined
        const after = Math.max(this.#position!, floorOf(channel) ?? Infinity)
        const missed = hold.firstUnkept.get(channel.name)?.previous ?? unkept
        if (missed > after && !lost) this.#subscriptions.gap(channel, missed)
        if (head > after) sources.push({ channel: channel.name, after, items: [], more: true })
      }
      await merge(sources, hold, {
        horizon,
        read: (name, after, limit) => this.#options.read(link, name, after, limit),
        onHole: (name) => {
          if (!lost) this.#tellGap(name, Infinity)
        },
        deliver: give,
      })
      if (link !== this.#link) return
      // What came in the microtasks since the merge took what was held.
      if (hold.overflow === undefined) for (const late of hold.take(Infinity)) give(late)
      tellBefore(Infinity)
      this.#position = Math.max(this.#position!, origin)
      if (hold.overflow === undefined && hold.origin === origin) break
    }
    this.#hold = undefined
    for (const subscriber of this.#alarmed ?? []) subscriber.onHealth(undefined)
    this.#alarmed = undefined
  }

  #tellGap(name: string, position: number): void {
    const channel = this.#subscriptions.channels.get(name)
    if (channel) this.#subscriptions.gap(channel, position)
  }

  /** The channels' heads; `horizon` is the position of the last event, on any channel, when they were read. */
  async #readHeads(link: RedisLink, channels: readonly FeedChannel[]) {
    const { keys, positions } = this.#options
    const states = new Map<FeedChannel, [head: number, unkept: number]>()
    let origin = 0
    let horizon = 0
    for (let from = 0; from === 0 || from < channels.length; from += headBatch) {
      const some = channels.slice(from, from + headBatch)
      const fields = some.map(({ name }) => keys.head(name))
      const [last, start, ...rest] = (await link.call(heads, [keys.clock], [positions.known, ...fields])).map(Number)
      origin = start!
      if (from === 0) horizon = last!
      for (const [index, channel] of some.entries()) states.set(channel, [rest[index * 2]!, rest[index * 2 + 1]!])
    }
    return { origin, horizon, states }
  }

  /** Resolves when a message that is published now comes back: what was published before has come then. */
  async #echo(link: RedisLink): Promise<void> {
    const { keys, positions } = this.#options
    const came = new Promise<void>((resolve) => this.#echoes.push(resolve))
    await Promise.all([
      link.call(echo, [keys.clock], [positions.known, link.local(this.#echoChannel)]),
      link.within(came),
    ])
  }

  #tick(link: RedisLink): void {
    const now = Date.now()
    void this.#settle(link)
    if (now - this.#heardAt < this.#options.probeIntervalMs) return
    // A connection may be dead, or its server no longer in charge, without saying so, and then nothing would ever come.
    this.#heardAt = now
    this.#guard(link, Promise.all([this.#echo(link), link.verify()]))
  }
}
