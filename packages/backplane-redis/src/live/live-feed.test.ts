import { setImmediate } from 'node:timers/promises'
import type { BackplaneSubscriber, LiveMessage, StoredMessage } from '@rivulet/server'
import { expect, it, onTestFinished } from 'vitest'
import { randomFrom } from '../../../../test-support/random.js'
import { History } from '../link/history.js'
import { Keys } from '../link/keys.js'
import { RedisLink } from '../link/redis-link.js'
import type { Script } from '../link/script.js'
import { encodeEvent } from '../logs/event-text.js'
import { echo } from './echoes.js'
import { heads } from './heads.js'
import { LiveFeed } from './live-feed.js'

const seeds = Number(process.env.RIVULET_SEEDS ?? 200)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)
const channels = ['a', 'b', 'c']
const keys = new Keys('test')

/** Stands for Redis, one step at a time. */
class FakeRedis {
  last = 1_000
  origin = 1_000
  readonly logs = new Map<string, StoredMessage[]>(channels.map((channel) => [channel, []]))
  #subscribed: (live: string, text: string) => void = () => {}

  /** Publishes events in one message. */
  publish(channel: string, count: number): void {
    const log = this.logs.get(channel)!
    let text = ''
    for (let index = 0; index < count; index++) {
      const previous = Math.max(log.at(-1)?.position ?? 0, this.origin)
      const event = { type: 'log', data: String(++this.last) }
      log.push({ ...event, position: this.last, previous })
      text += index > 0 ? '+|' : `+${this.last}|${previous}|${this.origin}|`
      text += encodeEvent(event)
    }
    this.#subscribed(keys.live(channel), text)
  }

  /** Has history begin anew, as a node does that comes from a server with another one. */
  beginAnew(): void {
    this.origin = ++this.last
  }

  /** One subscriber at a time is enough: this is about one node. */
  onPublish(listener: (live: string, text: string) => void): void {
    this.#subscribed = listener
  }

  call(script: Script, args: readonly (string | number)[]): string[] {
    if (script === echo) {
      this.#subscribed(RedisLink.channelOf(String(args[1])), `${this.last}|${this.origin}`)
      return [String(this.last), String(this.origin)]
    }
    if (script !== heads) throw new Error('The feed calls nothing else.')
    const ofChannels = args.slice(1).flatMap((field) => {
      const head = this.logs.get(String(field).slice(keys.head('').length))?.at(-1)?.position ?? 0
      return [String(head), '0']
    })
    return [String(this.last), String(this.origin), ...ofChannels]
  }
}

/** Both connections of a node: each keeps its order, and either may be ahead of the other. */
class FakeLink {
  onMessage: (channel: string, text: string) => void = () => {}
  closed: Error | undefined
  /** Per connection, the commands that Redis has not carried out yet, and the answers that have not come back yet. */
  readonly commands: (() => void)[] = []
  readonly subscribes: (() => void)[] = []
  readonly messages: (() => void)[] = []
  readonly #redis: FakeRedis
  readonly #heard = new Set<string>()
  readonly #cut = neverResolved()

  constructor(redis: FakeRedis) {
    this.#redis = redis
    redis.onPublish((live, text) => {
      const local = this.local(live)
      if (this.#heard.has(local)) this.messages.push(() => this.onMessage(local, text))
    })
  }

  ask<T>(answer: () => T): Promise<T> {
    return this.within(new Promise((resolve) => this.commands.push(() => resolve(answer()))))
  }

  call(script: Script, _names: readonly string[], args: readonly (string | number)[]): Promise<string[]> {
    return this.ask(() => this.#redis.call(script, args))
  }

  subscribe(names: readonly string[]): Promise<void> {
    const confirmed = new Promise<void>((resolve) => {
      this.subscribes.push(() => {
        for (const name of names) this.#heard.add(name)
        // Its confirmation comes behind the messages that are on their way.
        this.messages.push(resolve)
      })
    })
    return this.within(confirmed)
  }

  async unsubscribe(): Promise<void> {}

  local(channel: string): string {
    return `${channel}@0123456789ab`
  }

  within<T>(answer: Promise<T>): Promise<T> {
    return Promise.race([answer, this.#cut.promise])
  }

  close(error: Error): void {
    this.closed = error
    this.#cut.reject(error)
  }
}

function neverResolved(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject = (_: Error) => {}
  const promise = new Promise<never>((_, onReject) => {
    reject = onReject
  })
  promise.catch(() => {})
  return { promise, reject }
}

class Received implements BackplaneSubscriber {
  /** It is promised what comes after this position. */
  from = 0
  /** The last position of Redis when the channel was subscribed to. */
  asked = 0
  /** Events, and gaps, which have no position. */
  readonly entries: { readonly channel: string | undefined; readonly position: number | undefined }[] = []

  get seqs(): number[] {
    return this.entries.flatMap(({ position }) => position ?? [])
  }

  onMessage(channel: string, { position }: LiveMessage): void {
    this.entries.push({ channel, position })
  }

  onGap(channel: string | undefined): void {
    this.entries.push({ channel, position: undefined })
  }

  onHealth(): void {}
}

/** On each channel a gap stands wherever history begins anew, before what comes after it; without a reason there is none. */
function expectGaps({ entries, from, asked }: Received, origins: readonly number[], seed: number): void {
  const told = `seed ${seed}: ${JSON.stringify(entries)}, origins ${origins}`
  for (const channel of channels) {
    const ofChannel = entries.filter((entry) => entry.channel === undefined || entry.channel === channel)
    for (const origin of origins) {
      const next = ofChannel.findIndex(({ position }) => position !== undefined && position > origin)
      if (origin > from && next >= 0)
        expect(ofChannel[next - 1] ?? 'nothing', told).toHaveProperty('position', undefined)
    }
  }
  if (!origins.some((origin) => origin > asked))
    expect(
      entries.every(({ position }) => position !== undefined),
      told,
    ).toBe(true)
}

async function play(seed: number): Promise<void> {
  const random = randomFrom(seed)
  const any = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const redis = new FakeRedis()
  let link: FakeLink | undefined
  const feed = new LiveFeed({
    keys,
    history: new History(keys, 'gap'),
    node: 'node',
    timeoutMs: 60_000,
    lingerMs: 60_000,
    probeIntervalMs: 60_000,
    read: (through, channel, after, limit) =>
      (through as unknown as FakeLink).ask(() => {
        const messages = redis.logs
          .get(channel)!
          .filter(({ position }) => position > after)
          .slice(0, limit)
        return {
          messages,
          continuous: true,
          lastPosition: redis.logs.get(channel)!.at(-1)?.position ?? 0,
          storedPosition: redis.last,
          clock: 0,
        }
      }),
  })
  onTestFinished(() => feed.close())
  const received = new Received()
  const origins: number[] = []
  const late = new Map<Received, string>()
  const subscribed = Promise.all(channels.map((channel) => feed.subscribe(channel, received)))
  const subscribeLate = () => {
    const subscriber = new Received()
    const channel = any(channels)
    subscriber.asked = redis.last
    late.set(subscriber, channel)
    void feed.subscribe(channel, subscriber).then(() => {
      subscriber.from = redis.last
      // In the very turn in which the feed finds that nobody waits any more.
      if (random() < 0.5) subscribeLate()
    })
  }

  const up = () => {
    link = new FakeLink(redis)
    feed.up(link as unknown as RedisLink, redis.last)
  }
  const down = () => {
    const error = new Error('cut')
    link!.close(error)
    link = undefined
    feed.down(error)
  }
  /** Has one of the things happen that can happen next. `false` where there is none. */
  const step = () => {
    if (!link) return false
    const possible = [link.commands, link.subscribes, link.messages].filter(({ length }) => length > 0)
    if (possible.length === 0) return false
    any(possible).shift()!()
    return true
  }
  const settle = async () => {
    for (let quiet = 0; quiet < 3; quiet++) {
      await setImmediate()
      while (step()) {
        quiet = 0
        await setImmediate()
      }
    }
  }

  up()
  await settle()
  await subscribed
  for (let turn = 0; turn < 60; turn++) {
    const chance = random()
    if (chance < 0.35) redis.publish(any(channels), 1 + Math.floor(random() * 3))
    else if (chance < 0.4) subscribeLate()
    else if (chance < 0.45 && link) down()
    else if (chance < 0.47) {
      redis.beginAnew()
      origins.push(redis.origin)
    } else if (!link) up()
    else step()
    await setImmediate()
  }
  if (!link) up()
  await settle()
  // Someone has to say that history begins anew, and nothing else does.
  redis.publish('a', 1)
  await settle()
  const seqs = [...redis.logs.values()]
    .flatMap((log) => log.map(({ position }) => position))
    .sort((one, other) => one - other)
  expect(received.seqs, `seed ${seed}`).toEqual(seqs)
  expectGaps(received, origins, seed)
  for (const [subscriber, channel] of late) {
    const { from, seqs } = subscriber
    const promised = redis.logs.get(channel)!.filter(({ position }) => position > from)
    expectGaps(subscriber, origins, seed)
    // It may be given some from just before, too.
    expect(seqs.slice(seqs.length - promised.length), `seed ${seed}`).toEqual(promised.map(({ position }) => position))
    expect(seqs, `seed ${seed}`).toEqual([...new Set(seqs)].sort((one, other) => one - other))
  }
}

it(`delivers every event once and in order, for any timing of commands, messages and cuts (${seeds} seeds from ${firstSeed})`, async () => {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) await play(seed)
}, 600_000)
