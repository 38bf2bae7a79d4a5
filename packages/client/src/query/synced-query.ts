import { type BaseEvent, comparePositions } from '@rivulet/core'
import type { CachedQuery } from './query-client.js'
import { type AnyQueryRule, cursorOf, type Snapshot } from './query-rule.js'

type PositionedEvent = BaseEvent & { readonly id: string }

export interface SyncedQueryOptions {
  readonly query: CachedQuery
  readonly rule: AnyQueryRule
  /** The number of events that are kept. */
  readonly bufferSize: number
  /** Takes the error of a patch. */
  readonly report: (error: unknown) => void
}

/**
 * One query in the cache, and the events that concern it.
 *
 * Its data is either *proven*, so that the data and the kept events after its cursor give the server's state, or must be
 * fetched again. A fetch proves its result if nothing was missed since it began.
 */
export class SyncedQuery {
  readonly rule: AnyQueryRule
  readonly #query: CachedQuery
  readonly #options: SyncedQueryOptions
  /** All events after this position are kept; `undefined` if the data is not proven. `''`: data without a cursor. */
  #reach: string | undefined
  /** Events in order: since `#reach`, or since the fetch began. */
  #events: PositionedEvent[] = []
  /** `early`: it began before the stream, and only a cursor can prove its answer. `late`: its answer may miss something. */
  #fetch: 'none' | 'proving' | 'early' | 'late'
  /** Number of events since the fetch began, and the last one of them that is no longer kept. */
  #arrived = 0
  #dropped: string | undefined
  #isWriting = false

  constructor(options: SyncedQueryOptions) {
    this.rule = options.rule
    this.#query = options.query
    this.#options = options
    this.#fetch = options.query.state.fetchStatus === 'idle' ? 'none' : 'early'
  }

  /** True if the data must be fetched, and no fetch is under way. */
  get isDue(): boolean {
    const { data, status, fetchStatus, isInvalidated } = this.#query.state
    if (fetchStatus !== 'idle' || (data === undefined && status !== 'error')) return false
    return this.#reach === undefined || isInvalidated || status === 'error'
  }

  /** The stream begins at a position. Data whose cursor is there or later misses nothing. */
  start(position: string | undefined): void {
    const began = this.#fetch !== 'none'
    this.doubt()
    this.#prove(position)
    if (began) this.#fetch = 'early'
  }

  /** Something was missed: only a fetch that begins from now on proves its answer. */
  doubt(): void {
    this.#reach = undefined
    this.#events = []
    if (this.#fetch !== 'none') this.#fetch = 'late'
  }

  /** Takes an event that concerns the query. */
  take(event: BaseEvent): void {
    // Nobody knows whether an answer includes an event without a position.
    if (event.id === undefined) {
      this.doubt()
      return
    }
    this.#arrived++
    if (this.#reach === undefined && this.#fetch !== 'proving') return
    this.#events.push(event as PositionedEvent)
    if (this.#events.length <= this.#options.bufferSize) return
    this.apply()
    if (this.#events.length === 0) return
    this.#dropped = this.#events.shift()!.id
    if (this.#reach !== undefined && comparePositions(this.#dropped, this.#reach) > 0) this.#reach = this.#dropped
  }

  /** A fetch has begun. */
  begin(): void {
    this.#fetch = 'proving'
    this.#arrived = 0
    this.#dropped = undefined
    // Without a patch, events only say that a fetch is needed, and this is one.
    if (!this.rule.patch && this.#after(cursorOf(this.#query.state.data)).length > 0) this.#reach = undefined
    if (this.#reach === undefined) this.#events = []
  }

  /** The fetch has brought data. */
  land(position: string | undefined): void {
    const cursor = cursorOf(this.#query.state.data)
    const fetch = this.#fetch
    this.#fetch = 'none'
    if (fetch !== 'proving' || !this.#covers(cursor)) {
      this.doubt()
      if (fetch === 'early') this.#prove(position)
    } else if (cursor === undefined) {
      this.#reach = ''
      this.#events = []
    } else if (this.#reach === undefined || this.#reach === '' || comparePositions(this.#reach, cursor) > 0) {
      this.#reach = cursor
    }
    this.apply()
  }

  /** No fetch is under way any more: it has failed or was cancelled. */
  stop(): void {
    if (this.#query.state.fetchStatus === 'idle') this.#fetch = 'none'
  }

  /** Somebody else has written data: the application, or a page that a server has rendered. */
  write(position: string | undefined): void {
    if (this.#isWriting) return
    const cursor = cursorOf(this.#query.state.data)
    if (this.#reach === undefined) this.#prove(position)
    else if (cursor !== undefined && comparePositions(this.#reach, cursor) > 0) this.doubt()
    this.apply()
  }

  /** Applies the events that came after the data. */
  apply(): void {
    const { data, isInvalidated } = this.#query.state
    if (this.#reach === undefined || data === undefined || isInvalidated) return
    const cursor = cursorOf(data)
    const events = this.#after(cursor)
    if (events.length === 0) return
    const next = cursor === undefined ? undefined : this.#patch(data as Snapshot, events)
    if (next === undefined) {
      this.doubt()
      return
    }
    this.#isWriting = true
    try {
      this.#query.setData({ ...next, cursor: events.at(-1)!.id }, { manual: true })
    } finally {
      this.#isWriting = false
    }
  }

  #patch(data: Snapshot, events: readonly BaseEvent[]): Snapshot | undefined {
    const { patch } = this.rule
    try {
      let next: Snapshot | undefined = data
      for (const event of events) next = next && patch?.(next, event, this.#query.queryKey)
      return next
    } catch (error) {
      this.#options.report(error)
      return undefined
    }
  }

  #after(cursor: string | undefined): readonly PositionedEvent[] {
    if (cursor === undefined) return this.#events
    let first = this.#events.length
    while (first > 0 && comparePositions(this.#events[first - 1]!.id, cursor) > 0) first--
    return this.#events.slice(first)
  }

  /** The answer includes every event that came while it was fetched, or the event is kept. */
  #covers(cursor: string | undefined): boolean {
    if (cursor === undefined) return this.#arrived === 0
    return this.#dropped === undefined || comparePositions(this.#dropped, cursor) <= 0
  }

  #prove(position: string | undefined): void {
    const cursor = cursorOf(this.#query.state.data)
    if (cursor === undefined || position === undefined || comparePositions(position, cursor) > 0) return
    this.#reach = cursor
  }
}
