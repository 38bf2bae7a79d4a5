import type { Clock } from '@rivulet/core'
import type { ConnectionOptions } from '../connection/connection-options.js'
import {
  type ConnectionSink,
  type ConnectionSnapshot,
  idleSnapshot,
  type StreamLink,
} from '../connection/stream-link.js'
import { textOf } from '../runtime/errors.js'
import { observePage, type PageEvent } from '../runtime/page-events.js'
import { Election } from './election.js'
import { type LeaderId, type LeaderNote, type Note, parseNote, unpackState } from './notes.js'
import { SharedLeader } from './shared-leader.js'
import { type LogItem, type Place, SharedLog } from './shared-log.js'
import { SharedReader } from './shared-reader.js'

// One tab's part in a shared connection. When the leading tab is closed, this one may become the leader.

/**
 * Interval between two checks of the leader. Has jitter added, because all tabs check. A tab asks a silent leader at
 * one check and deposes it at the next: within 3 × 1_350 + 100 ms of its last sign of life.
 */
const lookEveryMs = 1_200

/**
 * Limit of how far a leader's term may lie beyond the clock, 300 years. Terms are times, so a higher one is not from a
 * leader. Followed, it would leave no room for the next one.
 */
const maxTermAhead = 1e13

/** Time for late notes to arrive: the last items of an old leader, or a sign of life before a leader is deposed. */
const lateMs = 100

/**
 * One tab's part in a shared connection. The tab that has the lock leads, and its connection fills the log. The other
 * tabs wait for the lock and keep a copy of the log. Each tab reads its copy at its own pace.
 */
export class SharedConnection implements StreamLink {
  snapshot: ConnectionSnapshot = idleSnapshot

  readonly #name: string
  readonly #options: ConnectionOptions
  readonly #clock: Clock
  readonly #sink: ConnectionSink
  readonly #election: Election
  readonly #tab = crypto.randomUUID()
  readonly #log = new SharedLog()
  readonly #reader: SharedReader
  #channel: BroadcastChannel | undefined
  /** Tabs cannot communicate here, so this one has its own connection. */
  #isAlone = false
  #leader: SharedLeader | undefined
  /** Latest known leader, perhaps this tab. */
  #following: LeaderId = [0, '']
  /** State of the shared connection. */
  #state: ConnectionSnapshot = idleSnapshot
  /** The shared connection was open after `connect()`. Before that, this tab can miss nothing and may begin anywhere. */
  #begun = false
  /** Final state of a closed shared connection. This tab takes it after it has read the log. */
  #end: ConnectionSnapshot | undefined
  /** Number of the unanswered `hello`. Until the answer arrives, the log lacks items. */
  #question: number | undefined
  #questions = 0
  #heardAt: number | undefined
  #heard = false
  #asked = false
  #lookTimer: unknown
  /** Timer between winning the election and leading. */
  #electedTimer: unknown
  #stopObserving: (() => void) | undefined

  constructor(name: string, locks: LockManager, options: ConnectionOptions, clock: Clock, sink: ConnectionSink) {
    this.#name = name
    this.#options = options
    this.#clock = clock
    this.#sink = sink
    this.#reader = new SharedReader(this.#log, options, clock, sink, () => this.#update())
    this.#election = new Election(name, locks, {
      won: () => this.#onWon(),
      lost: () => this.#onDeposed(),
      unavailable: () => this.#goAlone(),
    })
  }

  get lastEventId(): string {
    return this.#reader.cursor
  }

  set lastEventId(id: string) {
    this.#reader.cursor = id
  }

  get lastActivityAt(): number | undefined {
    return (this.#reader.own ?? this.#leader)?.lastActivityAt ?? this.#heardAt
  }

  send({ type }: { readonly type: 'connect' | 'close' | 'reconnect' | 'ended' }): void {
    const { status } = this.snapshot
    if (type === 'connect' || type === 'reconnect') {
      if (status === 'idle' || status === 'closed') this.#open()
      else if (type === 'reconnect') this.#reconnect()
    } else if (status !== 'closed') {
      // The end of the stream concerns all tabs, but closing it only this one.
      if (type === 'ended') this.#leader?.send(type)
      if (this.snapshot.status !== 'closed') this.#close({ ...idleSnapshot, status: 'closed', gap: this.#reader.gap })
    }
  }

  #open(): void {
    this.#reader.gap = undefined
    this.#begun = false
    // Asks again for events that the closed stream had received but not delivered.
    this.#log.restart([0, 0], '')
    this.#reader.skip(this.#reader.cursor)
    this.#join()
  }

  #reconnect(): void {
    this.#reader.own?.send({ type: 'reconnect' })
    if (this.#isAlone) return
    if (this.#leader) this.#leader.send('reconnect')
    else if (this.#channel) this.#post({ type: 'reconnect' })
    else this.#join()
  }

  #close(snapshot: ConnectionSnapshot): void {
    this.#stopObserving?.()
    this.#stopObserving = undefined
    this.#part()
    this.#reader.stop()
    this.#isAlone = false
    this.#end = undefined
    this.#set(snapshot)
    if (snapshot.error !== undefined) this.#sink.error(snapshot.error)
  }

  #join(): void {
    this.#end = undefined
    this.#state = { ...idleSnapshot, status: 'connecting', location: this.#reader.location }
    this.#stopObserving ??= observePage((event) => this.#onPage(event))
    try {
      this.#channel = new BroadcastChannel(this.#name)
    } catch {
      this.#goAlone()
      return
    }
    this.#channel.onmessage = ({ data }) => {
      const note = parseNote(data)
      if (note) this.#onNote(note)
    }
    this.#update()
    this.#contend()
    this.#hello()
    this.#reader.start()
  }

  /** Stops leading and listening. */
  #part(): void {
    this.#stepDown(true)
    this.#election.withdraw()
    this.#clock.clearTimeout(this.#lookTimer)
    this.#channel?.close()
    this.#channel = undefined
  }

  #goAlone(): void {
    this.#isAlone = true
    this.#part()
    // The tab's own connection observes the page itself.
    this.#stopObserving?.()
    this.#stopObserving = undefined
    this.#reader.stop()
    this.#log.restart([0, 0], '')
    this.#reader.open()
  }

  #onPage(event: PageEvent): void {
    if (event === 'hide' && this.#channel) {
      // A page that may be frozen must neither lead nor count as a listener.
      this.#part()
      this.#reader.stop()
      this.#set({ ...this.snapshot, status: 'waiting', retryAt: undefined })
    } else if (event === 'show' && !this.#channel && !this.#end) this.#join()
    else if (event === 'visible' && this.#channel && !this.#leader) {
      this.#ask()
      this.#lookLater()
    }
  }

  #contend(depose = false): void {
    this.#election.contend(depose)
    this.#heard = false
    this.#asked = false
    this.#lookLater()
  }

  #onWon(): void {
    const electedAt = this.#clock.now()
    const lead = () => this.#lead(electedAt)
    if (this.#following[0] === 0) lead()
    else {
      this.#post({ type: 'elected' })
      this.#electedTimer = this.#clock.setTimeout(lead, lateMs)
    }
  }

  #onDeposed(): void {
    this.#stepDown(false)
    this.#contend()
    this.#hello()
  }

  #lead(electedAt: number): void {
    this.#electedTimer = undefined
    this.#question = undefined
    this.#clock.clearTimeout(this.#lookTimer)
    if (this.#log.place[0] === 0) {
      this.#log.restart([0, 0], this.#reader.cursor)
      this.#reader.skip(this.#reader.cursor)
    }
    this.#following = [Math.max(this.#following[0] + 1, this.#clock.now()), this.#tab]
    const leader = new SharedLeader(this.#following, electedAt, this.#log, this.#options, this.#clock, {
      post: (note) => this.#post(note),
      holds: () => this.#election.holds(),
      grown: () => this.#reader.read(),
      changed: (snapshot) => this.#adopt(snapshot),
      error: (error) => {
        if (this.#leader === leader && !this.#reader.own) this.#sink.error(error)
      },
      deposed: () => this.#onDeposed(),
    })
    this.#leader = leader
    leader.location = this.#reader.location
    leader.start()
  }

  #stepDown(tell: boolean): void {
    this.#clock.clearTimeout(this.#electedTimer)
    this.#electedTimer = undefined
    const leader = this.#leader
    this.#leader = undefined
    leader?.stop(tell)
  }

  #onNote(note: Note): void {
    const leader = this.#leader
    if (note.type === 'log' || note.type === 'welcome') this.#onLeaderNote(note)
    else if (note.type === 'elected') this.#heard = true
    else if (!leader) return
    else if (note.type === 'hello') leader.whenSure(() => leader.answer(note))
    else if (note.type === 'ping') leader.whenSure(() => leader.tellNow())
    else leader.send('reconnect')
  }

  #onLeaderNote(note: LeaderNote): void {
    const newest = Math.max(this.#clock.now(), this.#following[0]) + maxTermAhead
    if (isBefore(note.leader, this.#following) || note.leader[0] > newest) return
    const isNew = isBefore(this.#following, note.leader)
    // Another tab took the lock, but the browser has not reported it yet.
    if (isNew && this.#leader) this.#onDeposed()
    this.#following = note.leader
    this.#heardAt = this.#clock.now()
    this.#heard = true
    if (note.type === 'welcome') {
      if (note.to !== this.#tab || note.question !== this.#question) return
      this.#onWelcome(note)
    } else if (!this.#extend(note)) {
      if (isNew || this.#question === undefined) this.#hello()
      return
    }
    this.#question = undefined
    const channel = this.#channel
    const { live, run, ...state } = unpackState(note.state)
    this.#log.run = run
    this.#reader.location = state.location ?? this.#reader.location
    this.#reader.read()
    // A handler may have closed the stream.
    if (this.#channel === channel) this.#adopt(state)
    if (this.#channel === channel) this.#reader.live = live === true
  }

  #onWelcome({ items, place, cursor, state }: Note & { type: 'welcome' }): void {
    const log = this.#log
    if (items && !this.#begun) {
      log.restart(place, this.#reader.cursor || cursor)
      this.#reader.skip(log.lastId)
    }
    if (!items) log.restart(place, cursor)
    const isHistory = state.live === true && this.#reader.owesLive
    for (const item of items ?? []) log.add(isHistory ? asHistory(item) : item)
    log.place = place
  }

  /** Adds the items that the log lacks. Returns `false` if others are missing before them. */
  #extend({ before, items }: Note & { type: 'log' }): boolean {
    const log = this.#log
    const [term, index] = log.place
    if (term === 0) return false
    const isHere = ([otherTerm, otherIndex]: typeof before) => otherTerm === term && otherIndex === index
    const at = isHere(before) ? 0 : items.findIndex(({ place }) => isHere(place)) + 1
    if (at > 0 || isHere(before)) {
      for (const item of items.slice(at)) log.add(item)
      return true
    }
    const [lastTerm, lastIndex] = items.at(-1)?.place ?? before
    return lastTerm === term && lastIndex <= index
  }

  /** Adopts the state of the shared connection. Closes this tab's stream only after it has read the log. */
  #adopt(state: ConnectionSnapshot): void {
    const { error } = state
    const isNews = error !== undefined && textOf(error) !== textOf(this.#state.error)
    this.#state = state
    this.#reader.location = state.location ?? this.#reader.location
    this.#begun ||= state.status === 'open' || !this.#log.isBlank
    if (state.status === 'closed') {
      this.#end = state
      this.#part()
    }
    this.#update()
    if (isNews && !this.#leader && !this.#reader.own && state.status !== 'closed') this.#sink.error(error)
  }

  #update(): void {
    const { own, gap, isAtEnd } = this.#reader
    const state = own?.snapshot ?? this.#state
    if (own && state.status === 'closed') this.#close({ ...state, gap })
    else if (this.#end && isAtEnd) this.#close({ ...this.#end, gap })
    else if (state.status !== 'closed') this.#set({ ...state, gap })
  }

  /** Asks the leader for the items that the log lacks. */
  #hello(): void {
    this.#question = ++this.#questions
    const place: Place = this.#begun ? this.#log.place : [0, 0]
    const cursor = this.#begun ? this.#log.lastId : this.#reader.cursor
    this.#post({ type: 'hello', from: this.#tab, question: this.#question, place, cursor })
  }

  /** Asks the leader for a sign of life. */
  #ask(): void {
    this.#asked = true
    this.#heard = false
    if (this.#question === undefined) this.#post({ type: 'ping' })
    else this.#hello()
  }

  #lookLater(ms: number = lookEveryMs * (1 + this.#clock.random() / 8)): void {
    this.#clock.clearTimeout(this.#lookTimer)
    this.#lookTimer = this.#clock.setTimeout(() => this.#look(), ms)
  }

  /** Checks that the leader is alive. Counts checks, not time: a tab that was frozen has heard nothing. */
  #look(): void {
    if (this.#leader || this.#electedTimer !== undefined) return
    if (this.#heard) {
      this.#heard = false
      this.#asked = false
      if (this.#question !== undefined) this.#hello()
    } else if (!this.#asked) this.#ask()
    else {
      this.#lookTimer = this.#clock.setTimeout(() => (this.#heard ? this.#look() : this.#contend(true)), lateMs)
      return
    }
    this.#lookLater()
  }

  #post(note: Note): void {
    const channel = this.#channel
    try {
      channel?.postMessage(note)
    } catch {
      // The caller finishes first.
      queueMicrotask(() => {
        if (this.#channel === channel) this.#goAlone()
      })
    }
  }

  #set(snapshot: ConnectionSnapshot): void {
    this.snapshot = snapshot
    this.#sink.changed()
  }
}

/** An item that was live for other tabs, for one that joined after it. */
function asHistory({ live: _, ...item }: LogItem): LogItem {
  return item.message ? { ...item, replayed: true } : item
}

function isBefore([term, tab]: LeaderId, other: LeaderId): boolean {
  return term === other[0] ? tab < other[1] : term < other[0]
}
