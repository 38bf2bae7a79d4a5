import type { Clock } from '@rivulet/core'
import type { ConnectionOptions } from '../connection/connection-options.js'
import { DirectConnection } from '../connection/direct-connection.js'
import type { ConnectionSnapshot } from '../connection/stream-link.js'
import { type LeaderId, type Note, packState, type SharedState } from './notes.js'
import type { LogItem, Place, SharedLog } from './shared-log.js'

// The connection of the leading tab. A new leader resumes at the end of the log that all tabs share.

/** Callbacks from a leader to its tab. They MUST NOT throw. */
export interface LeaderTab {
  post(note: Note): void
  /** Asks the browser whether this tab has the lock. */
  holds(): Promise<boolean>
  /** The log has grown. */
  grown(): void
  changed(snapshot: ConnectionSnapshot): void
  error(error: unknown): void
  /** Another tab has the lock. */
  deposed(): void
}

/** Time that a leader may act without checking that it still leads: less than followers wait before deposing it. */
const sureForMs = 1_000

/**
 * Connection of the leading tab. Reads as fast as the server sends, however slow the handlers of any tab are.
 * Everything that it receives goes into the log, whose size is limited.
 */
export class SharedLeader {
  readonly id: LeaderId
  readonly #log: SharedLog
  readonly #clock: Clock
  readonly #tab: LeaderTab
  readonly #connection: DirectConnection
  /** Items that the other tabs have not been sent yet. */
  #untold: { before: Place; items: LogItem[] } | undefined
  #sureAt: number
  /** Actions that wait for the browser's answer. */
  #unsure: (() => void)[] | undefined
  #answer: Promise<void> | undefined
  #stopped = false
  #joined: readonly string[] = []
  /** The history of the present connection is over. */
  #isLive = false

  /** @param electedAt Time when the tab got the lock. */
  constructor(
    id: LeaderId,
    electedAt: number,
    log: SharedLog,
    options: ConnectionOptions,
    clock: Clock,
    tab: LeaderTab,
  ) {
    this.id = id
    this.#sureAt = electedAt
    this.#log = log
    this.#clock = clock
    this.#tab = tab
    this.#connection = new DirectConnection(options, clock, {
      message: (received) => this.whenSure(() => this.#record(received)),
      advance: () => {
        const { joined } = this.#connection.progress
        if (joined !== this.#joined) this.whenSure(() => this.#record({ joined }))
        this.#joined = joined
      },
      live: () =>
        this.whenSure(() => {
          this.#isLive = true
          this.#record({ live: true })
        }),
      cursor: (id) => this.whenSure(() => this.#record({ id })),
      gap: (gap, id) => this.whenSure(() => this.#record({ gap, id })),
      error: (error) => this.whenSure(() => tab.error(error)),
      changed: () =>
        this.whenSure(() => {
          if (this.#connection.snapshot.status !== 'open') this.#isLive = false
          log.run ||= this.#connection.run
          this.#tellSoon()
          tab.changed(this.#connection.snapshot)
        }),
      ready: () => this.#answer,
    })
    this.#connection.lastEventId = log.lastId
    this.#joined = log.joined
    this.#connection.progress.joined = log.joined
  }

  set location(location: string | undefined) {
    this.#connection.location = location
  }

  get #state(): SharedState {
    return packState({ ...this.#connection.snapshot, live: this.#isLive, run: this.#log.run })
  }

  get lastActivityAt(): number | undefined {
    return this.#connection.lastActivityAt
  }

  start(): void {
    // An empty item marks the start of the term, for tabs that join before the first event.
    this.#record({})
    this.#connection.send({ type: 'connect' })
    this.tellNow()
  }

  send(type: 'reconnect' | 'ended'): void {
    this.#connection.send({ type })
  }

  /** Stops leading. With `tell`, sends the remaining items first: pass false if another tab already leads. */
  stop(tell: boolean): void {
    if (tell) this.#tell()
    this.#stopped = true
    this.#connection.send({ type: 'close' })
  }

  /** Acts only if this tab still leads. A page that thaws first reads what its old connection received. */
  whenSure(action: () => void): void {
    if (this.#stopped) return
    if (this.#unsure) {
      this.#unsure.push(action)
      return
    }
    const now = this.#clock.now()
    const age = now - this.#sureAt
    if (age >= 0 && age < sureForMs) action()
    else {
      this.#unsure = [action]
      this.#answer = this.#makeSure(now)
    }
  }

  async #makeSure(askedAt: number): Promise<void> {
    const holds = await this.#tab.holds()
    const actions = this.#unsure ?? []
    this.#answer = undefined
    if (this.#stopped) return
    if (!holds) return this.#tab.deposed()
    this.#sureAt = askedAt
    // An action may add another.
    for (let next = 0; next < actions.length && !this.#stopped; next++) actions[next]?.()
    this.#unsure = undefined
  }

  /** Tells the other tabs that this one leads, and sends them new items. */
  tellNow(): void {
    this.#untold ??= { before: this.#log.place, items: [] }
    this.#tell()
  }

  /** Sends a tab the items that it lacks. */
  answer({ from, question, place, cursor }: Note & { type: 'hello' }): void {
    this.#tell()
    const log = this.#log
    // A new tab follows from here, except that it gets all of a run.
    const isNew = place[0] === 0 && cursor === '' && !log.run
    this.#tab.post({
      type: 'welcome',
      leader: this.id,
      to: from,
      question,
      items: isNew ? [] : (log.since(place) ?? log.sinceId(cursor)),
      place: log.place,
      cursor: log.lastId,
      state: this.#state,
    })
  }

  #record(item: Omit<LogItem, 'place'>): void {
    this.#tellSoon()
    const [term, index] = this.#log.place
    const placed = { ...item, place: [this.id[0], term === this.id[0] ? index + 1 : 1] as const }
    this.#log.add(placed)
    this.#untold?.items.push(placed)
    this.#tab.grown()
  }

  /** Sends new items to the other tabs at the end of this turn, so that all items of one chunk go together. */
  #tellSoon(): void {
    if (this.#untold) return
    this.#untold = { before: this.#log.place, items: [] }
    queueMicrotask(() => this.#tell())
  }

  #tell(): void {
    if (this.#stopped || !this.#untold) return
    const { before, items } = this.#untold
    this.#untold = undefined
    this.#tab.post({ type: 'log', leader: this.id, before, items, state: this.#state })
  }
}
