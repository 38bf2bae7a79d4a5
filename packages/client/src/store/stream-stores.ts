import type { EventDefinition, EventOfDefinition } from '@rivulet/core'
import { type EventsView, viewEvents } from '../binding/events-view.js'
import { listOf } from '../binding/fold-store.js'
import { FoldView } from '../binding/fold-view.js'
import type { AnyEventStream } from '../binding/keep-connected.js'
import { latestEvents } from '../binding/latest.js'
import { type Reducer, reducedState } from '../binding/reduction.js'
import { Selection, type SelectOptions } from '../binding/selection.js'
import type { FoldRecipe } from '../binding/shared-folds.js'
import { StreamBinding } from '../binding/stream-binding.js'
import type { ConnectionState } from '../connection-state.js'
import { createStore, type Store } from './store.js'

export interface StreamStoresOptions {
  /**
   * Number of events of each type of the contract that are kept for stores with `replay`, while the stream is open. 0 keeps
   * none. @default 100
   */
  bufferSize?: number
  /** Least time between two updates of the stores, in milliseconds. 0 updates with each animation frame. @default 0 */
  throttleMs?: number
}

export interface CollectStoreOptions {
  /** Begins with the events that are kept (see `bufferSize`). @default false */
  replay?: boolean
  /** Selects the events of one channel. @default undefined: the events of all channels */
  channel?: string | undefined
  /** Least time between two updates of this store because of events, in milliseconds. The last value always comes. @default 0 */
  throttleMs?: number
}

export interface EventsStoreOptions extends CollectStoreOptions {
  /** Number of events to keep, at least 1. The oldest make room for new ones. @default 100 */
  limit?: number
}

type Definitions<Definition> = Definition | readonly Definition[]

/**
 * Stores of a stream, for frameworks without a binding of their own. A store listens while it has subscribers, and then keeps
 * what it has. It changes at most once per animation frame, however many events arrive. Stores that ask for the same share the
 * work.
 *
 * @example
 * const stores = new StreamStores(new EventStreamService({ url: '/events', events }))
 * const lines = stores.events(events.log, { limit: 500 })
 * const close = stores.open()
 */
export class StreamStores {
  /** The stream. Its `on`, `onGap` and `reconnect` serve for everything that is no state. */
  readonly service: AnyEventStream
  /** The state of the connection. */
  readonly connection: Store<ConnectionState>
  readonly #binding: StreamBinding

  /** @throws {ConfigurationError} for an invalid option. */
  constructor(service: AnyEventStream, { bufferSize = 100, throttleMs = 0 }: StreamStoresOptions = {}) {
    this.service = service
    this.#binding = new StreamBinding(service, bufferSize)
    this.#binding.throttle(throttleMs)
    this.connection = createStore(
      () => service.state,
      (changed) => service.onStatusChange(changed),
    )
  }

  /**
   * Connects the stream. Call it when the part of the page that shows the stream is mounted, not on a server.
   *
   * @returns Closes the stream, unless others keep it connected or the application had connected it itself. Call it once.
   */
  open(): () => void {
    return this.#binding.open()
  }

  /**
   * The latest events of one type, or of several, and the status. With `select`, what it selects from them.
   *
   * @throws {ConfigurationError} for an invalid option.
   */
  events<Definition extends EventDefinition, Selected>(
    definitions: Definitions<Definition>,
    options: EventsStoreOptions & SelectOptions<EventsView<EventOfDefinition<Definition>>, Selected>,
  ): Store<Selected>
  events<Definition extends EventDefinition>(
    definitions: Definitions<Definition>,
    options?: EventsStoreOptions,
  ): Store<EventsView<EventOfDefinition<Definition>>>
  events(
    definitions: Definitions<EventDefinition>,
    { limit = 100, ...options }: EventsStoreOptions & Partial<SelectOptions<never, unknown>> = {},
  ): Store<unknown> {
    const { service } = this
    let view = viewEvents([], limit, 'idle')
    let shown: unknown
    return this.#store(definitions, latestEvents(limit), options, (kept) => {
      if (kept !== shown || service.status !== view.status) view = viewEvents(kept, limit, service.status)
      shown = kept
      return view
    })
  }

  /**
   * The state that a pure reducer computes from events. With `select`, what it selects from that. If the reducer throws, the
   * event is skipped and the error goes to the stream's `onError`.
   *
   * @throws {ConfigurationError} for an invalid option.
   */
  reduce<Definition extends EventDefinition, State, Selected>(
    definitions: Definitions<Definition>,
    reducer: (state: State, event: EventOfDefinition<Definition>) => State,
    initial: State,
    options: CollectStoreOptions & SelectOptions<NoInfer<State>, Selected>,
  ): Store<Selected>
  reduce<Definition extends EventDefinition, State>(
    definitions: Definitions<Definition>,
    reducer: (state: State, event: EventOfDefinition<Definition>) => State,
    initial: State,
    options?: CollectStoreOptions,
  ): Store<State>
  reduce<State>(
    definitions: Definitions<EventDefinition>,
    reducer: (state: State, event: never) => State,
    initial: State,
    options: CollectStoreOptions & Partial<SelectOptions<never, unknown>> = {},
  ): Store<unknown> {
    return this.#store(definitions, reducedState(reducer as Reducer<State>, initial), options, (state) => state)
  }

  #store<Result, View>(
    definitions: Definitions<EventDefinition>,
    recipe: FoldRecipe<Result>,
    {
      replay = false,
      channel,
      throttleMs = 0,
      select,
      equal,
    }: CollectStoreOptions & Partial<SelectOptions<never, unknown>>,
    look: (result: Result) => View,
  ): Store<unknown> {
    const fold = new FoldView(this.#binding, { definitions: listOf(definitions), channel }, recipe, { replay })
    fold.throttle(throttleMs)
    const selection = new Selection<View, unknown>()
    const options = select && { select: select as (view: View) => unknown, equal }
    let seen: { readonly view: View; readonly value: unknown } | undefined
    const read = (): unknown => {
      const view = look(fold.result)
      if (seen && Object.is(seen.view, view)) return seen.value
      const value = options ? selection.of(view, options) : view
      selection.keep(value, options)
      seen = { view, value }
      return value
    }
    return createStore(read, (changed) => {
      const stops = [fold.subscribe(), fold.watch(fold.result, changed), this.service.onStatusChange(changed)]
      return () => {
        for (const stop of stops) stop()
      }
    })
  }
}
