import { type EventContract, encodeControlEvent, encodeMessage, type StandardSchemaV1 } from '@rivulet/core'
import { FakeClock } from '../../testing/src/fake-clock.js'
import { FakeConnection } from '../../testing/src/fake-connection.js'
import { fakeResponse } from '../../testing/src/fake-response.js'
import { ChannelsRefusedError, EventStreamService } from '../src/index.js'

interface Entry {
  readonly position: number
  readonly channel: string
  /** Number of the event on its channel, from 1. */
  readonly n: number
  readonly retained: boolean
}

/** One time for which the server has sent a channel without a break in between. A channel that begins anew has another one. */
interface Epoch {
  readonly number: number
  /** The first number that belongs to it. */
  readonly from: number
  readonly hasSnapshot: boolean
  /** Number of the application's sets when the client asked for it. */
  readonly asked: number
}

/** A channel of a connection. */
interface Part {
  readonly epoch: Epoch
  /** The connection gets later events only. */
  floor: number
  /** Events that are not kept come only if they are published later. */
  readonly since: number
}

interface Change {
  readonly number: number
  readonly channels: readonly string[]
  readonly after: { readonly [channel: string]: string }
  readonly asked: number
}

interface Frame {
  readonly text: string
  /** Called when the client gets it. */
  readonly onWrite?: () => void
}

interface Connection {
  readonly id: string
  readonly control: string
  readonly line: FakeConnection
  readonly parts: Map<string, Part>
  /** The route's answer to the client's last request. */
  readonly outbox: Frame[]
  /** Everything up to here was sent. */
  pointer: number
  accepted: number
  waiting: Change | undefined
  /** Number of the application's sets at the client's request. */
  readonly asked: number
  /** Channels that the server adds or removes when a history is over. */
  readonly moved: Set<string>
  history: { readonly change: number | undefined; readonly added: readonly string[] } | undefined
}

/** What the application has of a channel. */
interface Received {
  epoch: number
  last: number
  hasSnapshot: boolean
  /** The last that came is its snapshot. */
  endsWithSnapshot: boolean
  hasId: boolean
  /** Nothing of it has come yet. */
  isNew: boolean
}

export interface ChannelWorldOptions {
  /** The history of a channel that is added. */
  readonly history: number | 'snapshot'
  /** The number of events of a channel that are kept. */
  readonly keep: number
  /** The route gives the channels other names. */
  readonly maps: boolean
  /** The client validates asynchronously. */
  readonly async: boolean
  readonly channels?: readonly string[] | undefined
}

const text = (position: number) => position.toString(36)

const asyncSchema: StandardSchemaV1<object, object> = {
  '~standard': { version: 1, vendor: 'test', validate: async (value) => ({ value: value as object }) },
}

const asyncEvents: EventContract = Object.fromEntries(
  ['tick', 'state'].map((type) => [type, { type, schema: asyncSchema }]),
)

/**
 * A server that changes channels as PROTOCOL.md says, its client, and an application that checks what it gets: each channel's
 * events once and in order, or a gap. Nothing moves by itself.
 */
export class ChannelWorld {
  readonly clock: FakeClock = new FakeClock()
  readonly stream: EventStreamService
  readonly problems: string[] = []
  /** Gaps that the application was told of, on channels that it has. */
  gaps = 0
  /** Decides about the next requests. */
  fate: { readonly request: () => 'ok' | 'lost' | 503; readonly post: () => PostFate } = {
    request: () => 'ok',
    post: () => 'ok',
  }
  /** Channels that the server gives to the user, whatever the client asks for. */
  readonly given: Set<string> = new Set(['user'])
  wanted: readonly string[] | undefined
  readonly #options: ChannelWorldOptions
  #position = 1_000
  #epochs = 0
  #connections = 0
  #log: Entry[] = []
  /** The last number of each channel. */
  readonly #counts = new Map<string, number>()
  /** The last position of each channel that is no longer kept. */
  readonly #dropped = new Map<string, number>()
  #connection: Connection | undefined
  /** POSTs that arrive late. */
  readonly late: (() => void)[] = []
  /** The channels of the connection, as the client knew them before the last write, and by each part of it. */
  readonly #told: ReadonlySet<string>[] = [new Set()]
  /** Epochs that the client knows of, with the channels that were removed since. */
  readonly #known = new Map<string, Epoch>()
  /** Channels of which the client has everything up to its cursor. */
  readonly #complete = new Set<string>()
  /** Channels that may begin anew, with the epochs that use this up: later ones, which the client asked for after a set. */
  readonly #mayBegin = new Map<string, { readonly number: number; readonly asked: number }>()
  /** Number of the application's sets. */
  #sets = 0
  #refused = false
  /** Channels that the application gave up, with the number of that set and of the one that added them again. */
  readonly #mustBegin = new Map<string, { readonly left: number; readonly added: number }>()
  /** Number of the application's sets when the client heard of an epoch first. */
  readonly #heard = new Map<number, number>()
  readonly #received = new Map<string, Received>()
  /** Channels whose next event may come after others that are missing. */
  readonly #gaps = new Set<string>()
  /** The channels of the last connection that began anew from a cursor. */
  #begunAnew: readonly string[] = []
  /** Channels whose history broke off: the snapshot may be missing, or be newer than the next event. */
  readonly #broken = new Set<string>()

  constructor(options: ChannelWorldOptions) {
    this.#options = options
    this.wanted = options.channels
    this.stream = new EventStreamService({
      // Says when the client chose the names: the request is made later.
      url: () => `http://test/events?token=1&set=${this.#sets}`,
      channels: options.channels,
      clock: this.clock,
      ...(options.async && { events: asyncEvents }),
      fetch: (input, init) => this.#answer(new URL(input), init),
    })
    this.stream.onError((error) => {
      if (!(error instanceof ChannelsRefusedError)) return
      // The stream goes on with the channels that it has: with the next set, others may begin anew, and none must.
      this.#refused = true
      this.#mustBegin.clear()
    })
    this.stream.onAny((event) => this.#check(event as never))
    this.stream.onGap(({ channel, reason }) => {
      // One on a channel that is no longer wanted is harmless: the client cannot always tell it from one that the server gives.
      // An asynchronous client may have been told more by now.
      const isCertain = !options.maps || !options.async
      if (channel === undefined || (isCertain && this.#told.every((channels) => channels.has(channel)))) this.gaps++
      const all = reason === 'trimmed' ? this.#begunAnew : this.#channels
      for (const name of channel === undefined ? all : [channel]) {
        this.#gaps.add(name)
        this.#allowBeginning(name)
        if (reason === 'lagged') this.#broken.add(name)
      }
    })
  }

  /** The actual channel of a name. */
  channelOf(name: string): string {
    return this.#options.maps ? `tenant:${name}` : name
  }

  set(names: readonly string[]): Promise<void> {
    const asked = ++this.#sets
    if (this.#refused) for (const channel of this.#channels) this.#allowBeginning(channel, { asked })
    this.#refused = false
    for (const channel of (this.wanted ?? [])
      .filter((name) => !names.includes(name))
      .map((name) => this.channelOf(name))) {
      this.#allowBeginning(channel, { asked })
      this.#mustBegin.set(channel, { left: asked, added: Infinity })
    }
    for (const channel of names.map((name) => this.channelOf(name))) {
      const begin = this.#mustBegin.get(channel)
      if (begin?.added === Infinity) this.#mustBegin.set(channel, { ...begin, added: asked })
    }
    this.wanted = names
    return this.stream.setChannels(names)
  }

  /** Channels that the client may know of: those with events, and those that it was given. */
  get #channels(): ReadonlySet<string> {
    return new Set([...this.#counts.keys(), ...this.#known.keys()])
  }

  #know(channel: string, epoch: Epoch): void {
    this.#known.set(channel, epoch)
    if (!this.#heard.has(epoch.number)) this.#heard.set(epoch.number, this.#sets)
  }

  #allowBeginning(channel: string, { number = 0, asked = 0 } = {}): void {
    const before = this.#mayBegin.get(channel) ?? { number, asked }
    this.#mayBegin.set(channel, {
      number: Math.max(number, before.number),
      asked: Math.max(asked, before.asked),
    })
  }

  get isOpen(): boolean {
    return this.#connection !== undefined
  }

  publish(channel: string, retained = true): void {
    const n = (this.#counts.get(channel) ?? 0) + 1
    this.#counts.set(channel, n)
    const entry = { position: ++this.#position, channel, n, retained }
    this.#log.push(entry)
    const kept = this.#log.filter((other) => other.channel === channel && other.retained)
    if (kept.length > this.#options.keep) {
      const old = kept[0]!
      this.#log.splice(this.#log.indexOf(old), 1)
      this.#dropped.set(channel, old.position)
    }
    const connection = this.#connection
    if (!connection || connection.history) return
    connection.pointer = entry.position
    if (connection.parts.has(channel)) this.#send(connection, entry)
  }

  /** The server goes on with a history, or begins the change that waits. */
  work(): void {
    const connection = this.#connection
    if (!connection) return
    if (connection.history) this.#pump(connection)
    else if (connection.waiting) this.#begin(connection, connection.waiting)
    else for (const channel of [...connection.moved].slice(0, 1)) this.#move(channel)
  }

  /** The server adds a channel by itself. */
  join(channel: string): void {
    this.given.add(channel)
    this.#move(channel)
  }

  leave(channel: string): void {
    if (this.given.delete(channel)) this.#move(channel)
  }

  #move(channel: string): void {
    const connection = this.#connection
    connection?.moved.delete(channel)
    const isGiven = this.given.has(channel)
    if (!connection || isGiven === connection.parts.has(channel)) return
    if (connection.history) connection.moved.add(channel)
    else this.#change(connection, isGiven ? [channel] : [], isGiven ? [] : [channel], undefined, {})
  }

  /** Delivers the next frames in one piece. */
  async deliver(count: number = Infinity): Promise<void> {
    const connection = this.#connection
    if (!connection) return
    const frames = connection.outbox.splice(0, count)
    this.#told.splice(0, this.#told.length - 1)
    for (const { onWrite } of frames) onWrite?.()
    if (frames.length > 0) void connection.line.write(frames.map((frame) => frame.text).join(''))
    await settled()
  }

  async drop(): Promise<void> {
    this.#connection?.line.drop()
    this.#connection = undefined
    await settled()
  }

  /** Expects the application to have everything of these channels. */
  checkEnd(channels: readonly string[]): void {
    for (const channel of channels) {
      const last = this.#log.filter((entry) => entry.channel === channel && entry.retained).at(-1)
      const received = this.#received.get(channel)
      if (last && (received?.last ?? 0) < last.n && this.#known.get(channel)!.from <= last.n) {
        this.problems.push(`${channel} ends with ${received?.last} instead of ${last.n}`)
      }
    }
    // The client cannot tell which part of a history belongs to a name that the route maps.
    for (const [channel, { left, added }] of this.#options.maps ? [] : this.#mustBegin) {
      if (!channels.includes(channel) || this.given.has(channel)) continue
      // An earlier change may be carried out after the set that adds the channel again: nothing of it came before.
      const { asked, number } = this.#known.get(channel)!
      if (asked < left && this.#heard.get(number)! < added) this.problems.push(`${channel} did not begin anew`)
    }
    const names = [...(this.#connection?.parts.keys() ?? [])].sort()
    if (names.join() !== [...channels].sort().join()) this.problems.push(`the channels are ${names}, not ${channels}`)
  }

  #check({
    type,
    id,
    channel,
    n,
    epoch,
    asked,
  }: {
    type: string
    id?: string
    channel: string
    n: number
    epoch: number
    asked: number
  }): void {
    const problem = (text: string) => this.problems.push(`${channel} ${n} (epoch ${epoch}): ${text}`)
    let received = this.#received.get(channel)
    if (received?.epoch !== epoch) {
      if (received?.hasId && !this.#mayBegin.has(channel)) problem(`begins anew after ${received.last}`)
      const { from, hasSnapshot } = this.#known.get(channel)!
      received = {
        epoch,
        last: from - 1,
        hasSnapshot: !hasSnapshot,
        endsWithSnapshot: false,
        hasId: false,
        isNew: true,
      }
      this.#received.set(channel, received)
      const until = this.#mayBegin.get(channel)
      if (until && epoch > until.number && asked >= until.asked) this.#mayBegin.delete(channel)
    }
    if (this.#broken.delete(channel)) {
      received.hasSnapshot = true
      // Events before a live-only one may be new.
      received.isNew ||= received.endsWithSnapshot || !received.hasId
    }
    // The client may resume before the replay of a channel begins, where that of another one began.
    if (received.isNew && type === 'tick' && n <= received.last) received.last = n - 1
    received.isNew = false
    received.endsWithSnapshot = type === 'state'
    if (type === 'state') {
      received.hasSnapshot = true
      received.last = n
      return
    }
    if (!received.hasSnapshot) problem('comes before the snapshot')
    received.hasId ||= id !== undefined
    if (n <= received.last) problem(`comes after ${received.last}`)
    const isMissing = ({ n: other, channel: on, retained }: Entry) =>
      on === channel && retained && other > received.last && other < n
    const dropped =
      received.last + 1 < n && this.#log.every((entry) => entry.n !== received.last + 1 || entry.channel !== channel)
    if (
      !this.#gaps.has(channel) &&
      (this.#log.some(isMissing) || (dropped && !this.#wasUnkept(channel, received.last + 1, n)))
    ) {
      problem(`comes after ${received.last}, without a gap`)
    }
    this.#gaps.delete(channel)
    received.last = n
  }

  /** Tells whether all these events were published without being kept. */
  #wasUnkept(channel: string, from: number, until: number): boolean {
    for (let n = from; n < until; n++)
      if (!this.#log.some((entry) => entry.channel === channel && entry.n === n)) return false
    return true
  }

  async #answer(url: URL, init: RequestInit): Promise<Response> {
    if (init.method === 'POST') return this.#answerPost(url, JSON.parse(init.body as string))
    const fate = this.fate.request()
    // The application's set may have lacked a channel, which then begins anew.
    for (const name of this.#channels) if (!this.#route(this.wanted).includes(name)) this.#allowBeginning(name)
    if (fate === 'lost') throw new TypeError('network')
    if (fate === 503) return fakeResponse(503)
    const names = url.searchParams.has('channel')
      ? url.searchParams.getAll('channel').filter((name) => name)
      : undefined
    const line = new FakeConnection(init.signal)
    const id = `c${++this.#connections}`
    const connection: Connection = {
      id,
      control: `secret of ${id}`,
      line,
      parts: new Map(),
      outbox: [],
      pointer: this.#position,
      accepted: 0,
      waiting: undefined,
      asked: Number(url.searchParams.get('set')),
      moved: new Set(),
      history: undefined,
    }
    this.#connection = connection
    void line.closed.then(() => {
      if (this.#connection === connection) this.#connection = undefined
    })
    this.#open(connection, names, new Headers(init.headers).get('last-event-id') ?? '')
    return fakeResponse(200, line)
  }

  #route(names: readonly string[] | undefined): string[] {
    return [...new Set([...this.given, ...(names ?? []).map((name) => this.channelOf(name))])]
  }

  #open(connection: Connection, names: readonly string[] | undefined, cursor: string): void {
    const now = this.#position
    const channels = this.#route(names)
    const gaps: string[] = []
    const at = cursor === '' ? undefined : Number.parseInt(cursor, 36)
    let id: number | undefined
    let snapshots: Frame[] = []
    const lost = at === undefined ? [] : channels.filter((channel) => (this.#dropped.get(channel) ?? 0) > at)
    const anew = at === undefined || (lost.length > 0 && this.#options.history === 'snapshot')
    const gapOf = (channel?: string) => encodeControlEvent({ type: 'rivulet:gap', reason: 'trimmed', channel })
    if (anew && lost.length > 0) gaps.push(gapOf(channels.length === 1 ? channels[0] : undefined))
    else gaps.push(...lost.map(gapOf))
    if (anew) {
      const begun = channels.map((channel) => this.#beginning(channel, now, connection.asked))
      for (const [index, channel] of channels.entries()) connection.parts.set(channel, begun[index]!.part)
      snapshots = begun.flatMap(({ snapshot }) => snapshot ?? [])
      id = Math.min(now, ...channels.map((channel) => (this.#next(connection, channel)?.position ?? now + 1) - 1))
    } else {
      for (const channel of channels) {
        if ((names ?? []).some((name) => this.channelOf(name) === channel) && !this.#complete.has(channel)) {
          this.problems.push(`the request claims ${channel}`)
        }
        const known = this.#complete.has(channel) || !this.#mayBegin.has(channel) ? this.#known.get(channel) : undefined
        const first = this.#log.find((entry) => entry.channel === channel && entry.retained && entry.position > at)
        const from = first?.n ?? (this.#counts.get(channel) ?? 0) + 1
        const epoch = known ?? { number: ++this.#epochs, from, hasSnapshot: false, asked: connection.asked }
        const floor = Math.max(at, this.#dropped.get(channel) ?? 0)
        connection.parts.set(channel, { epoch, floor, since: now })
      }
    }
    const entries = this.#log.filter((entry) => this.#isFor(connection, entry))
    const snapshotId = snapshots.length > 0
    const open = encodeControlEvent(
      {
        type: 'rivulet:open',
        connectionId: connection.id,
        heartbeatMs: 0,
        recovered: at === undefined ? null : lost.length === 0,
        replayed: anew && this.#options.history === 'snapshot' ? 0 : entries.length,
        control: connection.control,
      },
      id === undefined || snapshotId ? {} : { id: text(id) },
    )
    const parts = [...connection.parts]
    const onWrite = () => {
      for (const [channel, { epoch }] of parts) this.#know(channel, epoch)
      this.#told.push(new Set(channels))
      this.#complete.clear()
      if (!snapshotId) for (const channel of channels) this.#complete.add(channel)
    }
    const onGap = () => {
      if (anew) this.#begunAnew = channels
    }
    connection.outbox.push({ text: open, onWrite }, ...gaps.map((text) => ({ text, onWrite: onGap })))
    snapshots.forEach((frame, index) => {
      const isLast = index === snapshots.length - 1
      const done = () => {
        for (const channel of channels) this.#complete.add(channel)
      }
      connection.outbox.push(isLast ? { text: `id: ${text(now)}\n${frame.text}`, onWrite: done } : frame)
    })
    for (const entry of entries) this.#send(connection, entry)
  }

  /** A channel that begins without a cursor. */
  #beginning(channel: string, now: number, asked: number): { part: Part; snapshot: Frame | undefined } {
    const { history } = this.#options
    const count = this.#counts.get(channel) ?? 0
    const number = ++this.#epochs
    if (history === 'snapshot') {
      const epoch = { number, from: count + 1, hasSnapshot: true, asked }
      const data = { n: count, epoch: number, asked, channel, timestamp: 0, source: '' }
      const snapshot = { text: encodeMessage({ event: 'state', data: JSON.stringify(data) }) }
      return { part: { epoch, floor: now, since: now }, snapshot }
    }
    const kept = this.#log.filter((entry) => entry.channel === channel && entry.retained)
    const first = history === 0 ? undefined : kept.slice(-history)[0]
    const epoch = { number, from: first?.n ?? count + 1, hasSnapshot: false, asked }
    return { part: { epoch, floor: first ? first.position - 1 : now, since: now }, snapshot: undefined }
  }

  #answerPost(url: URL, body: Change & { connectionId: string; control: string; change: number }): Response {
    const asked = Number(url.searchParams.get('set'))
    if (url.href !== `http://test/events/control?token=1&set=${asked}`)
      this.problems.push(`a change was sent to ${url}`)
    const { connectionId, control, channels, after, change } = body
    const act = () => {
      const connection = this.#connection
      if (connection?.id !== connectionId || connection.control !== control || change <= connection.accepted) return
      connection.accepted = change
      connection.waiting = { number: change, channels, after, asked }
    }
    const fate = this.fate.post()
    if (fate === 'lost') throw new TypeError('network')
    if (typeof fate === 'number') return fakeResponse(fate)
    if (fate === 'late') this.late.push(act)
    else act()
    if (fate === 'twice') this.late.push(act)
    if (fate === 'unanswered') throw new TypeError('network')
    return fakeResponse(202)
  }

  #begin(connection: Connection, { number, channels, after, asked }: Change): void {
    connection.waiting = undefined
    const next = this.#route(channels)
    const added = next.filter((channel) => !connection.parts.has(channel))
    const removed = [...connection.parts.keys()].filter((channel) => !next.includes(channel))
    this.#change(connection, added, removed, number, after, asked)
  }

  #change(
    connection: Connection,
    added: readonly string[],
    removed: readonly string[],
    change: number | undefined,
    after: { readonly [channel: string]: string },
    asked: number = connection.asked,
  ): void {
    const now = this.#position
    for (const part of connection.parts.values()) part.floor = Math.max(part.floor, connection.pointer)
    const ended = removed.map((channel) => [channel, connection.parts.get(channel)!.epoch] as const)
    for (const channel of removed) connection.parts.delete(channel)
    const following: Frame[] = []
    const epochs: [string, Epoch][] = []
    for (const channel of added) {
      const cursor = after[channel]
      const known = this.#known.get(channel)
      const at = cursor === undefined ? undefined : Number.parseInt(cursor, 36)
      const isTrimmed = at !== undefined && at < (this.#dropped.get(channel) ?? 0)
      const anew = isTrimmed && this.#options.history === 'snapshot'
      if (anew) following.push({ text: encodeControlEvent({ type: 'rivulet:gap', reason: 'trimmed', channel }) })
      if (at !== undefined && known && !anew) {
        connection.parts.set(channel, { epoch: known, floor: at, since: now })
      } else {
        const { part, snapshot } = this.#beginning(channel, now, asked)
        connection.parts.set(channel, part)
        epochs.push([channel, part.epoch])
        if (snapshot) following.push(snapshot)
      }
    }
    const onWrite = () => {
      this.#told.push(channels)
      for (const [channel, epoch] of epochs) this.#know(channel, epoch)
      for (const [channel, { number }] of ended) {
        this.#complete.delete(channel)
        this.#allowBeginning(channel, { number })
      }
      for (const channel of added) this.#complete.delete(channel)
      // A channel that the client had in part may begin anew if it was not wanted in between.
      for (const channel of this.#channels)
        if (change !== undefined && !channels.has(channel)) this.#allowBeginning(channel)
    }
    const channels = new Set(connection.parts.keys())
    connection.outbox.push({ text: encodeControlEvent({ type: 'rivulet:channels', added, removed, change }), onWrite })
    connection.outbox.push(...following)
    if (added.length === 0) return
    connection.history = { change, added }
    connection.pointer = Math.min(connection.pointer, ...added.map((channel) => connection.parts.get(channel)!.floor))
  }

  #isFor(connection: Connection, { channel, position, retained }: Entry): boolean {
    const part = connection.parts.get(channel)
    return part !== undefined && position > part.floor && (retained || position > part.since)
  }

  #next(connection: Connection, channel?: string): Entry | undefined {
    return this.#log.find(
      (entry) =>
        (channel === undefined ? entry.position > connection.pointer : entry.channel === channel) &&
        this.#isFor(connection, entry),
    )
  }

  #pump(connection: Connection): void {
    const { change, added } = connection.history!
    for (const [channel, part] of connection.parts) {
      const dropped = this.#dropped.get(channel) ?? 0
      if (dropped <= Math.max(part.floor, connection.pointer)) continue
      part.floor = dropped
      connection.outbox.push({ text: encodeControlEvent({ type: 'rivulet:gap', reason: 'trimmed', channel }) })
    }
    const entry = this.#next(connection)
    if (entry) {
      connection.pointer = entry.position
      this.#send(connection, entry)
      return
    }
    connection.history = undefined
    connection.pointer = this.#position
    const onWrite = () => {
      for (const channel of added) this.#complete.add(channel)
    }
    const live = encodeControlEvent({ type: 'rivulet:live', change }, { id: text(this.#position) })
    connection.outbox.push({ text: live, onWrite })
  }

  #send(connection: Connection, { position, channel, n, retained }: Entry): void {
    const { number, asked } = connection.parts.get(channel)!.epoch
    const data = JSON.stringify({ n, epoch: number, asked, channel, timestamp: 0, source: '' })
    connection.outbox.push({ text: encodeMessage({ id: retained ? text(position) : undefined, event: 'tick', data }) })
  }
}

export type PostFate = 'ok' | 'lost' | 'unanswered' | 'late' | 'twice' | 503 | 404 | 403

/** Lets everything run that waits for a promise or the next task. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}
