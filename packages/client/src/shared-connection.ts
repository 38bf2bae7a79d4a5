import { type GapEvent, RivuletError } from '@rivulet/core'
import type { Clock } from './clock.js'
import {
  Connection,
  type ConnectionOptions,
  type ConnectionSink,
  type ConnectionSnapshot,
  idleSnapshot,
  type Link,
} from './connection.js'
import { observePage } from './page-events.js'
import { type LogItem, type Place, SharedLog } from './shared-log.js'

/** What tabs say to each other. */
type Note =
  /** The leader: from `before` to `place` it received these items, and its connection is in this state. */
  | { type: 'log'; before: Place; place: Place; items: LogItem[]; state: ConnectionSnapshot }
  /** A tab: where it is, to learn what it has missed. */
  | { type: 'hello'; from: string; place: Place; cursor: string }
  /** The leader to that tab; without items where it does not know them any more. */
  | {
      type: 'welcome'
      to: string
      place: Place
      items: LogItem[] | undefined
      cursor: string
      state: ConnectionSnapshot
    }
  /** A tab: is there a leader? */
  | { type: 'ping' }
  | { type: 'pong'; place: Place }
  /** A tab: its user wants to try now. */
  | { type: 'reconnect' }

/** A leader that says nothing for this long is asked, and replaced if it says nothing for as long again: it is frozen. */
const patienceMs = 5_000

/** How long a new leader goes on listening to the one before. */
const drainMs = 100

/**
 * One tab's part in a shared connection. The tab that holds the lock is the leader and has the connection; the others
 * wait for the lock and follow its log.
 */
export class SharedConnection implements Link {
  lastEventId = ''
  snapshot: ConnectionSnapshot = idleSnapshot

  readonly #name: string
  readonly #locks: LockManager
  readonly #options: ConnectionOptions
  readonly #clock: Clock
  readonly #sink: ConnectionSink
  readonly #tab = crypto.randomUUID()
  #log = new SharedLog()
  #channel: BroadcastChannel | undefined
  /** Gives up the lock, or waiting for it. */
  #release: (() => void) | undefined
  /** The connection, where this tab is the leader. */
  #connection: Connection | undefined
  /** What the leader has received but not told yet. */
  #untold: { before: Place; items: LogItem[] } | undefined
  /**
   * What a follower does with the log: `lost` until the leader's welcome tells what it missed, `busy` while its own
   * handlers are not ready. In both it takes nothing.
   */
  #mode: 'lost' | 'busy' | 'following' = 'lost'
  /** The term of the leader heard last. */
  #term = 0
  #heardAt: number | undefined
  #heard = false
  #asked = false
  #timer: unknown
  #stopObserving: (() => void) | undefined

  constructor(name: string, locks: LockManager, options: ConnectionOptions, clock: Clock, sink: ConnectionSink) {
    this.#name = name
    this.#locks = locks
    this.#options = options
    this.#clock = clock
    this.#sink = sink
  }

  get lastActivityAt(): number | undefined {
    return this.#connection?.lastActivityAt ?? this.#heardAt
  }

  send({ type }: { readonly type: 'connect' | 'close' | 'reconnect' | 'ended' }): void {
    if (type === 'connect' || type === 'reconnect') {
      if (!this.#channel) this.#join()
      else if (type === 'reconnect' && this.#connection) this.#connection.send({ type })
      else if (type === 'reconnect') this.#post({ type })
    } else if (this.snapshot.status !== 'closed') {
      // The stream's end concerns all tabs, closing it only this one.
      if (type === 'ended' && this.#connection) this.#connection.send({ type })
      else this.#leave({ ...idleSnapshot, status: 'closed' })
      this.#log = new SharedLog()
    }
  }

  #join(): void {
    this.#stopObserving ??= observePage((event) => {
      // A page that may be frozen must neither lead nor be taken for a listener.
      if (event === 'hide') this.#leave({ ...this.snapshot, status: 'waiting', retryAt: undefined }, true)
      else if (event === 'show' && !this.#channel) this.#join()
      else if (event === 'visible' && this.#channel) this.#watch()
    })
    this.#channel = new BroadcastChannel(this.#name)
    this.#channel.onmessage = ({ data }) => this.#onNote(data)
    this.#set({ ...idleSnapshot, status: 'connecting' })
    this.#contend()
    this.#hello()
  }

  #leave(snapshot: ConnectionSnapshot, suspended = false): void {
    if (!suspended) {
      this.#stopObserving?.()
      this.#stopObserving = undefined
    }
    this.#stepDown()
    this.#release?.()
    this.#release = undefined
    this.#clock.clearTimeout(this.#timer)
    this.#channel?.close()
    this.#channel = undefined
    this.#set(snapshot)
  }

  /** Waits for the lock, or takes it from a leader that is frozen. */
  #contend(steal = false): void {
    this.#release?.()
    const waiting = new AbortController()
    let giveUp: (() => void) | undefined
    const release = () => {
      waiting.abort()
      giveUp?.()
    }
    this.#release = release
    const hold = () =>
      new Promise<void>((resolve) => {
        giveUp = resolve
        if (this.#release !== release) resolve()
        else if (this.#term === 0) this.#lead()
        // What the leader before said last may still be under way, if only that the stream is over.
        else this.#schedule(drainMs, () => this.#lead())
      })
    this.#locks.request(this.#name, steal ? { steal } : { signal: waiting.signal }, hold).catch(() => {
      if (this.#release !== release) return
      // No lock is to be had here at all: a connection of one's own is what remains.
      if (!giveUp) return this.#lead()
      // Another tab took the lock from this one, which was frozen.
      this.#stepDown()
      this.#contend()
      this.#hello()
    })
    this.#watchLater()
  }

  #lead(): void {
    const sink = this.#sink
    const before = this.#log.place
    this.#log.moveTo([Math.max(before[0] + 1, this.#clock.now()), 0])
    this.#untold = { before, items: [] }
    this.#clock.clearTimeout(this.#timer)
    const connection = new Connection(this.#options, this.#clock, {
      ...sink,
      message: (message, id, positioned) => {
        this.#record({ message, id, positioned })
        sink.message(message, id, positioned)
      },
      cursor: (id) => {
        this.#record({ id })
        sink.cursor(id)
      },
      gap: (gap) => {
        this.#record({ gap })
        sink.gap(gap)
      },
      changed: () => {
        if (this.#connection !== connection) return
        this.#tellSoon()
        if (connection.snapshot.status === 'closed') this.#leave(connection.snapshot)
        else this.#set(connection.snapshot)
      },
    })
    this.#connection = connection
    connection.lastEventId = this.lastEventId
    // Where this connection begins can be found in the log as well.
    this.#record({ id: this.lastEventId })
    connection.send({ type: 'connect' })
  }

  #stepDown(): void {
    const connection = this.#connection
    if (!connection) return
    this.#tell()
    this.#connection = undefined
    connection.send({ type: 'close' })
  }

  #record(item: Omit<LogItem, 'place'>): void {
    this.#tellSoon()
    const placed = { ...item, place: this.#log.next }
    this.#log.add(placed)
    this.#untold?.items.push(placed)
    if (item.id !== undefined) this.lastEventId = item.id
  }

  /** Tells the other tabs at the end of this turn: what one chunk brought travels together. */
  #tellSoon(): void {
    if (this.#untold?.items.length) return
    this.#untold ??= { before: this.#log.place, items: [] }
    queueMicrotask(() => this.#tell())
  }

  #tell(): void {
    if (!this.#connection || !this.#untold) return
    const { before, items } = this.#untold
    this.#untold = undefined
    this.#post({ type: 'log', before, place: this.#log.place, items, state: this.#state() })
  }

  /** The connection's state as it can travel. */
  #state(): ConnectionSnapshot {
    const snapshot = (this.#connection as Connection).snapshot
    const { error } = snapshot
    if (error === undefined) return snapshot
    const facts = error instanceof RivuletError ? JSON.stringify({ ...error, message: error.message }) : undefined
    return { ...snapshot, error: facts ? JSON.parse(facts) : String(error) }
  }

  #onNote(note: Note): void {
    if (this.#connection) this.#answer(note, this.#connection)
    else if (note.type === 'log' || note.type === 'welcome' || note.type === 'pong') this.#follow(note)
  }

  #answer(note: Note, connection: Connection): void {
    if (note.type === 'hello') {
      this.#tell()
      const { place } = this.#log
      const items = this.#missedBy(note)
      this.#post({ type: 'welcome', to: note.from, place, items, cursor: this.lastEventId, state: this.#state() })
    } else if (note.type === 'ping') this.#post({ type: 'pong', place: this.#log.place })
    else if (note.type === 'reconnect') connection.send(note)
  }

  #missedBy({ place, cursor }: Note & { type: 'hello' }): LogItem[] | undefined {
    const known = place[0] === 0 ? undefined : this.#log.after(place)
    if (known || cursor === '') return known ?? (place[0] === 0 ? [] : undefined)
    return cursor === this.lastEventId ? [] : this.#log.afterId(cursor)
  }

  #follow(note: Note & { type: 'log' | 'welcome' | 'pong' }): void {
    const [term] = note.place
    // A leader that was replaced while it was frozen does not know yet.
    if (term < this.#log.place[0]) return
    const isNew = term !== this.#term
    this.#term = term
    this.#heardAt = this.#clock.now()
    this.#heard = true
    this.#asked = false
    if (note.type === 'welcome') {
      if (note.to === this.#tab) this.#onWelcome(note)
    } else if (this.#mode === 'following') {
      if (note.type === 'log') this.#onLog(note)
      else if (!same(note.place, this.#log.place)) this.#hello()
    } else if (isNew && this.#mode === 'lost') this.#hello()
  }

  #onWelcome({ items, place, cursor, state }: Note & { type: 'welcome' }): void {
    this.#mode = 'following'
    const gap: GapEvent | undefined = items ? state.gap : { type: 'rivulet:gap', reason: 'lagged' }
    if (gap && !items) this.#sink.gap(gap)
    if (!this.#take(items ?? [], place)) return
    if (!items || this.lastEventId === '') {
      this.lastEventId = cursor
      this.#sink.cursor(cursor)
    }
    this.#adopt({ ...state, gap })
  }

  #onLog({ before, place, items, state }: Note & { type: 'log' }): void {
    const [term, index] = this.#log.place
    if (before[0] !== term || before[1] > index) this.#hello()
    else if (this.#take(items, place)) this.#adopt(state)
  }

  /** Hands on what the leader received. `false` when a handler closed the stream meanwhile. */
  #take(items: LogItem[], place: Place): boolean {
    const channel = this.#channel
    for (const item of items) {
      this.#log.add(item)
      // The first of a term only says where it begins. Who has seen more must not be set back.
      if (item.place[1] === 1) continue
      const { message, id, positioned = false, gap } = item
      if (id !== undefined) this.lastEventId = id
      if (message) this.#sink.message(message, id, positioned)
      else if (gap) this.#sink.gap(gap)
      else if (id) this.#sink.cursor(id)
      if (this.#channel !== channel) return false
    }
    this.#log.moveTo(place)
    const ready = this.#sink.ready()
    if (ready) {
      // What comes meanwhile is not kept here, but asked for afterwards: a slow tab must not grow.
      this.#mode = 'busy'
      void ready.then(() => {
        if (this.#channel === channel) this.#hello()
      })
    }
    return true
  }

  /** The leader's state is this tab's. */
  #adopt(state: ConnectionSnapshot): void {
    const error = reviveError(state.error)
    const news = error !== undefined && String(error) !== String(this.snapshot.error)
    const snapshot = { ...state, error }
    if (state.status === 'closed') this.#leave(snapshot)
    else this.#set(snapshot)
    if (news) this.#sink.error(error)
  }

  #hello(): void {
    this.#mode = 'lost'
    this.#post({ type: 'hello', from: this.#tab, place: this.#log.place, cursor: this.lastEventId })
  }

  #schedule(ms: number, callback: () => void): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = this.#clock.setTimeout(callback, ms)
  }

  #watchLater(): void {
    this.#schedule(patienceMs * (1 + this.#clock.random() / 2), () => this.#watch())
  }

  /** Looks whether the leader lives. By turns and not by the clock: a follower that was frozen itself has heard nothing either. */
  #watch(): void {
    if (this.#connection) return
    if (this.#mode === 'lost') this.#hello()
    if (!this.#heard && this.#asked) {
      this.#asked = false
      this.#contend(true)
      return
    }
    if (!this.#heard) {
      this.#asked = true
      this.#post({ type: 'ping' })
    }
    this.#heard = false
    this.#watchLater()
  }

  #post(note: Note): void {
    this.#channel?.postMessage(note)
  }

  #set(snapshot: ConnectionSnapshot): void {
    this.snapshot = snapshot
    this.#sink.changed()
  }
}

function same(a: Place, b: Place): boolean {
  return a[0] === b[0] && a[1] === b[1]
}

/** Errors lose their class on the way between tabs; by its code one is an instance of its class all the same. */
function reviveError(error: unknown): unknown {
  if (error === undefined) return undefined
  if (typeof error === 'string') return new Error(error)
  const { code, message } = error as RivuletError
  return Object.assign(new RivuletError(code, message), error)
}
