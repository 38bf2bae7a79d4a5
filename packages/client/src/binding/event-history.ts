import type { BaseEvent } from '@rivulet/core'
import { checkHistoryOptions } from '../check-options.js'
import { loadJson } from '../connection/call-server.js'
import { besideUrl, type PerAttempt } from '../connection/request.js'
import { type HistoryAccess, historyOf } from '../delivery/history-access.js'
import { ask } from '../runtime/guard.js'
import { pageBaseUrl } from '../runtime/page-events.js'
import { type Fold, isOn } from './fold-store.js'
import type { FoldView } from './fold-view.js'
import { type HistoryPage, readPage } from './history-page.js'
import type { AnyEventStream } from './keep-connected.js'
import { Latest } from './latest.js'
import type { FoldRecipe } from './shared-folds.js'

/** The history of a list: older events, which the reader loads. */
export interface HistoryOptions {
  /** The address of the history route. A function is called for each request. @default the stream's address, with `/history` added to its path */
  url?: PerAttempt<string | URL>
  /** The number of events to load at once, 1 or more. The route has a bound of its own. @default that of the route */
  pageSize?: number
}

/** `true` for the stream's own history route, its address, or options. */
export type HistoryOption = true | string | URL | HistoryOptions

/** The history of a list, and the call that loads a part of it. Replaced, never changed. */
export interface OlderEvents {
  /** There may be older events: `true` until the server has said that it keeps none. */
  readonly hasOlder: boolean
  /** A request is under way. */
  readonly loadingOlder: boolean
  /** Error of the last request. `undefined` once another one begins. */
  readonly olderError: unknown
  /** The server keeps no older events, but once did, or may have. */
  readonly trimmed: boolean
  /**
   * Loads a page of older events and adds it before the others. Does nothing if there are none, or before the component is
   * mounted; while a page is being loaded, returns its promise. May be passed on as a function.
   *
   * @returns Settles when the page is in the list, or could not be loaded. Never rejects: see `olderError`.
   */
  readonly loadOlder: () => Promise<void>
}

/** Pages that one call loads at most, while none has an event that the list shows. */
const maxPages = 10

type Events = readonly BaseEvent[]

/**
 * History behind the list of one hook or composable, to which it adds older events. It is also the recipe of that list.
 * It has no effect until it is attached to a view, so a render may create one and discard it.
 *
 * The list keeps the events that were loaded: it drops the oldest only once `limit` events have come since the last load.
 */
export class EventHistory implements FoldRecipe<Events> {
  readonly key: readonly [unknown, ...unknown[]] = [this]
  #limit: number
  #option: HistoryOption
  /** Length of the list after the last load, to which `limit` new events may be added. */
  #loaded = 0
  /** The oldest event of the list, and the parameter for what precedes it, as the server named it. */
  #edge: { readonly id: string | undefined; readonly before: string } | undefined
  readonly #older = new WeakSet<BaseEvent>()
  /** Ids of loaded events that the stream may bring again. */
  #doubles = new Set<string>()
  #view: FoldView<Events> | undefined
  #loading: { readonly controller: AbortController; readonly done: Promise<void> } | undefined
  readonly #listeners = new Set<() => void>()

  readonly #initial: OlderEvents = {
    hasOlder: true,
    loadingOlder: false,
    olderError: undefined,
    trimmed: false,
    loadOlder: () => this.loadOlder(),
  }
  #state = this.#initial

  /** @throws {ConfigurationError} for an invalid option. */
  constructor(limit: number, option: HistoryOption) {
    checkHistoryOptions(optionsOf(option))
    this.#limit = limit
    this.#option = option
  }

  /**
   * State to show with a view. `undefined` for a render on a server and while hydrating. Bound, so it can be passed on as a
   * function.
   */
  readonly stateOf = (view: FoldView<Events> | undefined): OlderEvents =>
    view && this.#view === view ? this.#state : this.#initial

  /** Number of events that the list holds at most. */
  get bound(): number {
    // A page belongs before the event that was the oldest when it was asked for.
    return this.#loading ? Infinity : Math.max(1, this.#limit) + this.#loaded
  }

  create(): Fold<Events> {
    return this.resume([])
  }

  resume(events: Events): Fold<Events> {
    const latest = new Latest(() => this.bound, events)
    let [first] = events
    return {
      add: (event) => {
        if (event.id === undefined || !this.#doubles.delete(event.id)) latest.add(event)
      },
      result: () => {
        const list = latest.result()
        const dropped = first !== undefined && list[0] !== first
        first = list[0]
        if (dropped && !this.#state.hasOlder) this.#set({ hasOlder: true, trimmed: false })
        return list
      },
    }
  }

  /** Follows the options of the latest render. Another address begins anew, without what was loaded. */
  use(limit: number, option: HistoryOption): void {
    this.#limit = limit
    const before = optionsOf(this.#option)
    const now = optionsOf(option)
    this.#option = option
    if (before.url === now.url || String(before.url) === String(now.url) || typeof now.url === 'function') return
    this.#reset()
    this.#view?.refold((list) => this.resume(list.filter((event) => !this.#older.has(event))))
  }

  /**
   * Loads into this view from now on. A view of other events has its own history.
   *
   * @returns Ends the request that is under way. Call it when the component is removed.
   */
  attach(view: FoldView<Events>): () => void {
    if (this.#view !== view) {
      this.#reset()
      this.#view = view
    }
    return () => {
      if (this.#view === view) this.#stop()
    }
  }

  /** Calls the listener when the state is replaced. Bound, so it can be passed on as a function. Returns its undo. */
  readonly watch = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** See {@link OlderEvents}. */
  readonly loadOlder = (): Promise<void> => {
    const view = this.#view
    const access = view && historyOf(view.binding.service)
    if (!view || !access || !this.stateOf(view).hasOlder) return Promise.resolve()
    if (this.#loading) return this.#loading.done
    const controller = new AbortController()
    // From here on, the list drops none of the events before which the page will be.
    this.#loaded = Math.max(this.#loaded, view.latest().length)
    this.#set({ loadingOlder: true, olderError: undefined })
    const done = this.#load(view, access, controller.signal).catch((error: unknown) => {
      if (controller.signal.aborted) return
      this.#loading = undefined
      this.#set({ loadingOlder: false, olderError: error })
    })
    this.#loading = { controller, done }
    return done
  }

  async #load(view: FoldView<Events>, access: HistoryAccess, signal: AbortSignal): Promise<void> {
    // Without an event to begin at, a page and the stream meet only if the stream has begun.
    if (firstId(view.latest()) === undefined) await settled(view.binding.service, signal)
    const first = firstId(view.latest())
    let before = this.#edge && this.#edge.id === first ? this.#edge.before : first
    let events: Events = []
    let page: HistoryPage | undefined
    for (let pages = 0; events.length === 0 && pages < maxPages && page?.hasOlder !== false; pages++) {
      page = await this.#page(view, access, before, signal)
      events = await read(page, view, access, signal)
      before = page.before ?? before
    }
    if (signal.aborted || !page) return
    this.#loading = undefined
    this.#prepend(view, events, first)
    this.#edge = before === undefined ? undefined : { id: firstId(view.latest()), before }
    this.#set({ loadingOlder: false, hasOlder: page.hasOlder, trimmed: page.trimmed })
  }

  /** @param first The oldest event of the list when the events were asked for. */
  #prepend(view: FoldView<Events>, events: Events, first: string | undefined): void {
    const list = view.latest()
    const listed = new Set(list.map(({ id }) => id))
    let older = events.filter(({ id }) => !listed.has(id))
    if (first === undefined) {
      // The stream may have brought events of the page meanwhile, and may bring others soon.
      const begins = events.findIndex(({ id }) => listed.has(id))
      if (begins >= 0) older = events.slice(0, begins)
      this.#doubles = new Set(older.map(({ id }) => id!))
    }
    for (const event of older) this.#older.add(event)
    this.#loaded = older.length + list.length
    if (older.length > 0) view.refold(() => this.resume([...older, ...list]))
  }

  async #page(
    view: FoldView<Events>,
    { options, clock, channels }: HistoryAccess,
    before: string | undefined,
    signal: AbortSignal,
  ): Promise<HistoryPage> {
    const { url = besideUrl(options, 'history'), pageSize } = optionsOf(this.#option)
    const { channel } = view.source
    const names = channel === undefined ? channels() : [channel]
    const target: PerAttempt<URL> = async (given) => {
      const address = new URL(await (typeof url === 'function' ? url(given) : url), pageBaseUrl())
      const { searchParams } = address
      if (names) searchParams.delete('channel')
      for (const name of names ?? []) searchParams.append('channel', name)
      if (before !== undefined) searchParams.set('before', before)
      if (pageSize !== undefined) searchParams.set('limit', String(pageSize))
      return address
    }
    const request = { ...options, url: target, method: 'GET', body: undefined }
    return readPage(await loadJson(request, clock, signal))
  }

  #reset(): void {
    this.#stop()
    this.#loaded = 0
    this.#edge = undefined
    this.#doubles = new Set()
    if (this.#state !== this.#initial) this.#set(this.#initial)
  }

  #stop(): void {
    if (!this.#loading) return
    this.#loading.controller.abort()
    this.#loading = undefined
    this.#set({ loadingOlder: false })
  }

  #set(changes: Partial<OlderEvents>): void {
    this.#state = { ...this.#state, ...changes }
    for (const listener of [...this.#listeners]) listener()
  }
}

/** Settles when a stream is open or closed. */
function settled(service: AnyEventStream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (service.status !== 'open' && service.status !== 'closed' && !signal.aborted) return
      stop()
      resolve()
    }
    const stop = service.onStatusChange(check)
    signal.addEventListener('abort', check)
    check()
  })
}

function firstId(events: Events): string | undefined {
  return events.find(({ id }) => id !== undefined)?.id
}

/** Makes the events of a page that a view shows. Reports and leaves out those that do not fit. */
async function read(
  { messages }: HistoryPage,
  { source: { definitions, channel } }: FoldView<Events>,
  access: HistoryAccess,
  signal: AbortSignal,
): Promise<Events> {
  const { clock, options } = access
  const types = new Set(definitions.map(({ type }) => type))
  const events: BaseEvent[] = []
  for (const { id, ...message } of messages) {
    if (!types.has(message.event)) continue
    try {
      const made = access.read({ ...message, lastEventId: id }, id)
      const timeoutMs = options.callbackTimeoutMs ?? 10_000
      const event = made instanceof Promise ? await ask('validate', () => made, { clock, signal, timeoutMs }) : made
      if (event && isOn(channel, event)) events.push(Object.assign(event, { replayed: true } as const))
    } catch (error) {
      if (signal.aborted) return []
      access.report(error)
    }
  }
  return events
}

function optionsOf(option: HistoryOption): HistoryOptions {
  if (option === true) return {}
  return typeof option === 'string' || option instanceof URL ? { url: option } : option
}
