import { createDecoder, parseControlEvent, type SseMessage } from '@rivulet/core'
import type { EventManager } from '../src/event-manager.js'
import type { EventStreamOptions } from '../src/streams/stream-options.js'
import { type SimulatedClock, SimulatedSink } from './simulation.js'

/** What a client saw on one connection. `before` is the number of events that were published when it was written. */
export type Sight =
  | {
      readonly kind: 'event'
      readonly n: number
      readonly channel: string
      readonly kept: boolean
      readonly known: boolean
    }
  | { readonly kind: 'state'; readonly channel: string; readonly seen: number }
  | { readonly kind: 'gap'; readonly channel: string | undefined; readonly before: number }
  | { readonly kind: 'live' }
  | {
      readonly kind: 'channels'
      readonly added: readonly string[]
      readonly removed: readonly string[]
      readonly change: number | undefined
      readonly after: ReadonlyMap<string, string>
      readonly before: number
    }

/** One connection of a client. */
export interface Visit {
  /** The channels that its route granted. */
  granted: readonly string[]
  readonly requested: readonly string[]
  readonly cursor: string
  recovered: boolean | null | undefined
  /** The number of events that were published when it opened. */
  before: number
  readonly sights: Sight[]
}

export interface ChangingWorld {
  readonly clock: SimulatedClock
  published(): number
  /** Any node. */
  node(): EventManager<never>
  optionsOf(client: ChangingClient): EventStreamOptions
}

/** A client that changes its channels, and follows the rules of PROTOCOL.md for its cursors. */
export class ChangingClient {
  readonly name: string
  readonly filter: ((event: { n: number }) => boolean) | undefined
  readonly visits: Visit[] = []
  wanted: Set<string>
  sink: SimulatedSink | undefined
  /** Complete up to the cursor. */
  readonly #have = new Set<string>()
  /** Added on some connection, but not complete: the last id of each; `''` if none came. */
  readonly #partial = new Map<string, string>()
  /** Added on this connection, and not complete. */
  readonly #adding = new Set<string>()
  /** The cursors that were sent with each change. */
  readonly #sent = new Map<number, ReadonlyMap<string, string>>()
  #cursor = ''
  #change = 0
  #secrets: { connectionId: string; control: string } | undefined
  readonly #world: ChangingWorld

  constructor(
    world: ChangingWorld,
    name: string,
    wanted: string[],
    filter: ((event: { n: number }) => boolean) | undefined,
  ) {
    this.#world = world
    this.name = name
    this.filter = filter
    this.wanted = new Set(wanted)
  }

  /** It has a part of the history of what was added. */
  get isAdding(): boolean {
    return this.#adding.size > 0
  }

  connect(kernelBytes: number, writeMs: number): void {
    const { clock } = this.#world
    if (!this.#cursor) this.#have.clear()
    const requested = [...(this.#cursor ? this.#have : this.wanted)]
    const visit: Visit = { granted: [], requested, cursor: this.#cursor, recovered: undefined, before: 0, sights: [] }
    this.visits.push(visit)
    const sink = new SimulatedSink(clock, kernelBytes)
    this.sink = sink
    this.#secrets = undefined
    this.#adding.clear()
    const befores: number[] = []
    let lastId = this.#cursor
    const decoder = createDecoder({
      lastEventId: this.#cursor,
      onMessage: (message) => {
        const kept = message.lastEventId !== lastId
        lastId = message.lastEventId
        this.#onMessage(visit, message, kept, befores)
      },
    })
    sink.onWrite = (text) => {
      clock.spend(writeMs)
      for (const _ of text.matchAll(/^event: rivulet:(open|gap|channels)$/gm)) befores.push(this.#world.published())
    }
    sink.onBytes = (bytes) => decoder.feed(bytes)
    sink.onEnd = () => {
      if (this.sink === sink) this.sink = undefined
    }
    const { channels, ...options } = this.#world.optionsOf(this)
    const request = { raw: undefined, lastEventId: this.#cursor || undefined, requested }
    void this.#world.node().connect(request, sink, {
      ...options,
      channels: async (...args) => {
        visit.granted = await (channels as (...given: unknown[]) => Promise<readonly string[]>)(...args)
        return visit.granted
      },
    })
  }

  setChannels(names: readonly string[]): void {
    this.wanted = new Set(names)
    this.#post()
  }

  #post(): void {
    if (!this.#secrets) return
    const channels = [...this.wanted]
    const after = new Map(
      [...this.#partial].filter(([channel, id]) => id && this.wanted.has(channel) && !this.#have.has(channel)),
    )
    const change = ++this.#change
    this.#sent.set(change, after)
    const body = { ...this.#secrets, channels, after: Object.fromEntries(after), change }
    void this.#world
      .node()
      .answerControl({ raw: undefined, body: JSON.stringify(body) }, this.#world.optionsOf(this) as never)
  }

  #onMessage(visit: Visit, message: SseMessage, kept: boolean, befores: number[]): void {
    const { sights } = visit
    const id = message.lastEventId
    const control = parseControlEvent(message)
    if (control?.type === 'rivulet:open') {
      const { recovered, connectionId } = control
      visit.recovered = recovered
      visit.before = befores.shift()!
      this.#secrets = { connectionId, control: control.control! }
      if (recovered !== true) this.#partial.clear()
      if (!visit.cursor) for (const channel of visit.requested) this.#have.add(channel)
      // Without an id, the last event of a snapshot carries it.
      this.#cursor = recovered === true ? this.#cursor : id
      const complete = this.wanted.size === this.#have.size && [...this.wanted].every((name) => this.#have.has(name))
      if (!complete) this.#post()
    } else if (control?.type === 'rivulet:channels') {
      const { added, removed, change } = control
      const after = new Map([...(this.#sent.get(change ?? -1) ?? [])].filter(([channel]) => added.includes(channel)))
      for (const channel of removed) {
        this.#have.delete(channel)
        this.#partial.delete(channel)
        this.#adding.delete(channel)
      }
      for (const channel of added) {
        this.#adding.add(channel)
        this.#partial.set(channel, after.get(channel) ?? '')
      }
      sights.push({ kind: 'channels', added, removed, change, after, before: befores.shift()! })
    } else if (control?.type === 'rivulet:live') {
      for (const channel of this.#adding) {
        this.#have.add(channel)
        this.#partial.delete(channel)
      }
      this.#adding.clear()
      this.#advance(id)
      sights.push({ kind: 'live' })
    } else if (control?.type === 'rivulet:gap') {
      sights.push({ kind: 'gap', channel: control.channel, before: befores.shift()! })
    } else if (message.event === 's') {
      const { channel, seen } = JSON.parse(message.data)
      if (kept) this.#advance(id)
      sights.push({ kind: 'state', channel, seen })
    } else if (message.event === 'n') {
      const { n, channel } = JSON.parse(message.data)
      sights.push({ kind: 'event', n, channel, kept, known: kept && this.#isKnown(channel, id) })
      if (kept) this.#advance(id)
    }
  }

  #isKnown(channel: string, id: string): boolean {
    if (!this.#adding.has(channel)) return !isLater(id, this.#cursor)
    const known = !isLater(id, this.#partial.get(channel)!)
    if (!known) this.#partial.set(channel, id)
    return known
  }

  #advance(id: string): void {
    if (isLater(id, this.#cursor)) this.#cursor = id
  }
}

function isLater(id: string, other: string): boolean {
  return id.length > other.length || (id.length === other.length && id > other)
}
