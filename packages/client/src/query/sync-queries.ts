import { type BaseEvent, comparePositions, type GapEvent } from '@rivulet/core'
import type { AnyEventStream } from '../binding/keep-connected.js'
import { cancelFrame, nextFrame } from '../binding/next-frame.js'
import { checkBindingOptions } from '../check-options.js'
import { reportTo } from '../runtime/report-to.js'
import { onUnreadEvent } from '../runtime/unread-events.js'
import type { CachedQuery, CacheNotice, QueryClientLike } from './query-client.js'
import { type AnyQueryRule, matchesKey } from './query-rule.js'
import { SyncedQuery } from './synced-query.js'

export interface SyncQueriesOptions {
  /** The stream. Its server must be one of Rivulet: only its IDs have an order. */
  stream: AnyEventStream
  queryClient: QueryClientLike
  /** The first one that fits a query counts. */
  rules: readonly AnyQueryRule[]
  /**
   * Number of events that are kept for each query: for answers that are older than its data, and for data that the application
   * puts back. Beyond it, the query refetches. @default 1000
   */
  bufferSize?: number
}

/**
 * Keeps the queries of TanStack Query equal to the server's state: patches or refetches them on events, and refetches those
 * that a gap concerns. An answer that is older than an event does not undo the event. Data changes with the next frame.
 *
 * Call it before the stream connects. Nothing connects by itself.
 *
 * @returns Stops.
 * @throws {ConfigurationError} if `bufferSize` is not such a number.
 * @example
 * const stop = syncQueries({ stream, queryClient, rules: [queryRule({ queryKey: ['jobs'], events: [events.job_done] })] })
 */
export function syncQueries(options: SyncQueriesOptions): () => void {
  return new QuerySync(options).start()
}

class QuerySync {
  readonly #options: SyncQueriesOptions
  readonly #queries = new Map<CachedQuery, SyncedQuery>()
  readonly #touched = new Set<CachedQuery>()
  /** Every event up to here was received, or is included in what a page was rendered with; `undefined` if unknown. */
  #position: string | undefined
  /** The position from which the stream brings all events is settled. */
  #hasBegun = false
  /** The stream has delivered nothing yet, so its last event ID is that position. */
  #isFresh = false

  constructor(options: SyncQueriesOptions) {
    checkBindingOptions({ bufferSize: options.bufferSize ?? 0 })
    this.#options = options
  }

  start(): () => void {
    const { stream, queryClient, rules } = this.#options
    const cache = queryClient.getQueryCache()
    // A stream that was connected before may have delivered events beyond its last event ID, which the slowest loop decides.
    this.#isFresh = stream.lastActivityAt === undefined
    if (this.#isFresh) this.#position = stream.lastEventId || undefined
    this.#hasBegun = this.#position !== undefined || stream.status === 'open'
    for (const query of cache.getAll()) this.#add(query)
    const definitions = new Map(rules.flatMap(({ events }) => events).map((event) => [event.type, event]))
    const stops = [
      cache.subscribe((notice: CacheNotice) => this.#onNotice(notice)),
      stream.onStatusChange((state, previous) => {
        const isNew = state.recovered === null && previous.recovered !== null
        const isKnown = state.status === 'open' && stream.lastEventId !== ''
        if (isNew || (isKnown && !this.#hasBegun)) this.#begin()
      }),
      stream.onGap((gap) => this.#onGap(gap)),
      onUnreadEvent(stream, (type) => {
        this.#position = undefined
        for (const synced of this.#queries.values()) {
          if (type === undefined || synced.rule.events.some((event) => event.type === type)) synced.doubt()
        }
        this.#touchAll()
      }),
      ...[...definitions.values()].map((definition) => stream.on(definition, (event) => this.#onEvent(event))),
    ]
    return () => {
      cancelFrame(this.#flush)
      for (const stop of stops) stop()
    }
  }

  /** The stream begins without a cursor: it brings the events after its position, and nothing is known of earlier ones. */
  #begin(): void {
    this.#hasBegun = true
    this.#position = (this.#isFresh && this.#options.stream.lastEventId) || undefined
    this.#isFresh = false
    for (const synced of this.#queries.values()) synced.start(this.#position)
    this.#touchAll()
  }

  #onEvent(event: BaseEvent): void {
    if (!this.#hasBegun) this.#begin()
    const { id } = event
    // The state after an event without an id has no position either.
    if (id === undefined || this.#position === undefined || comparePositions(id, this.#position) > 0)
      this.#position = id
    for (const [query, synced] of this.#queries) {
      if (!this.#concerns(synced.rule, event, query)) continue
      synced.take(event)
      this.#touch(query)
    }
  }

  #onGap({ channel }: GapEvent): void {
    // The missing events have later positions, but earlier ones than the next event.
    this.#position = undefined
    for (const [query, synced] of this.#queries) {
      if (channel !== undefined && !this.#hasChannel(synced.rule, channel, query)) continue
      synced.doubt()
      this.#touch(query)
    }
  }

  #onNotice({ type, query, action }: CacheNotice): void {
    if (type === 'added') this.#add(query)
    if (type === 'removed') {
      this.#queries.delete(query)
      this.#touched.delete(query)
    }
    const synced = this.#queries.get(query)
    if (type !== 'updated' || !synced) return
    switch (action?.type) {
      case 'fetch':
        synced.begin()
        break
      case 'error':
        synced.stop()
        break
      case 'success':
        if (action.manual) synced.write(this.#position)
        else synced.land(this.#position)
        this.#touch(query)
        break
      case 'setState':
        synced.stop()
        synced.write(this.#position)
        this.#touch(query)
    }
  }

  #add(query: CachedQuery): void {
    const { stream, rules, bufferSize = 1_000 } = this.#options
    const rule = rules.find((candidate) => matchesKey(candidate, query.queryKey))
    if (!rule) return
    const synced = new SyncedQuery({ query, rule, bufferSize, report: (error) => reportTo(stream, error) })
    this.#queries.set(query, synced)
    synced.start(this.#position)
    this.#touch(query)
  }

  #touch(query: CachedQuery): void {
    if (!this.#hasBegun) return
    this.#touched.add(query)
    nextFrame(this.#flush)
  }

  #touchAll(): void {
    for (const query of this.#queries.keys()) this.#touch(query)
  }

  /** Shows the events, and refetches the queries that need it. */
  readonly #flush = (): void => {
    const due = new Set<CachedQuery>()
    for (const query of this.#touched) {
      const synced = this.#queries.get(query)
      synced?.apply()
      if (synced?.isDue) due.add(query)
    }
    this.#touched.clear()
    if (due.size === 0) return
    const filters = { predicate: (query: CachedQuery) => due.has(query) }
    // The error is in the query.
    this.#options.queryClient.invalidateQueries(filters as never, { cancelRefetch: false }).catch(() => {})
  }

  #concerns({ events, concerns }: AnyQueryRule, event: BaseEvent, { queryKey }: CachedQuery): boolean {
    if (!events.some(({ type }) => type === event.type)) return false
    try {
      return concerns?.(event, queryKey) ?? true
    } catch (error) {
      reportTo(this.#options.stream, error)
      return true
    }
  }

  #hasChannel({ channels }: AnyQueryRule, channel: string, { queryKey }: CachedQuery): boolean {
    if (!channels) return true
    try {
      return [channels(queryKey)].flat().includes(channel)
    } catch (error) {
      reportTo(this.#options.stream, error)
      return true
    }
  }
}
