import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import { checkBindingOptions } from '../check-options.js'
import type { EventHandler } from '../delivery/handler-list.js'
import type { EventStreamService } from '../event-stream-service.js'
import { reportTo } from '../runtime/report-to.js'
import { type AnyEventStream, keepConnected } from './keep-connected.js'
import { callAll, cancelFrame, nextFrame } from './next-frame.js'

/** Receives events at once and shows their result once per frame. `FoldStore` is the usual one. */
export interface FrameSubscriber {
  readonly definitions: readonly EventDefinition[]
  /** Called with each event of these definitions, at once. MUST NOT throw. */
  take(event: BaseEvent): void
  /** Called once per frame in which any event came, even one of another type. MUST NOT throw. */
  show(): void
}

interface KeptEvent {
  /** Count of events received so far, this one included. */
  readonly count: number
  readonly event: BaseEvent
}

interface Source {
  readonly subscribers: Set<FrameSubscriber>
  users: number
  readonly stop: () => void
}

/**
 * Binds a stream to the components that show it: passes each event on at once, shows all components the same events in
 * the same frame, and keeps the latest events for components that mount later.
 *
 * Counts the events that it receives: each count below is a number of events since its creation. Has no effect until it is
 * opened or subscribed to.
 */
export class StreamBinding {
  readonly service: EventStreamService
  #received = 0
  #committed = 0
  /** Count that the subscribers showed last. The page may not show it yet. */
  #shown = 0
  readonly #bufferSize: number
  readonly #kept = new Map<string, KeptEvent[]>()
  readonly #sources = new Map<string, Source>()
  readonly #subscribers = new Set<FrameSubscriber>()
  readonly #showListeners = new Set<(count: number) => void>()
  #throttleMs = 0
  #shownAt = Number.NEGATIVE_INFINITY
  #waiting = false
  #catchingUp = false
  #timer: unknown

  /**
   * @param bufferSize Number of events kept for each type of the contract. 0 keeps none.
   *
   * @throws {ConfigurationError} if `bufferSize` is not such a number.
   */
  constructor(service: AnyEventStream, bufferSize: number) {
    checkBindingOptions({ bufferSize })
    this.service = service
    this.#bufferSize = bufferSize
  }

  /** Count of the events received. Starts at 0. */
  get received(): number {
    return this.#received
  }

  /** Count of the events that the page shows. At most `received`. */
  get committed(): number {
    return this.#committed
  }

  /**
   * Connects the stream and keeps its latest events. Call it when a provider is mounted.
   *
   * @returns Lets go of the stream, which closes when nobody else keeps it connected (see `keepConnected`). Call it
   *   once.
   */
  open(): () => void {
    const { service } = this
    const definitions = this.#bufferSize > 0 ? Object.values(service.contract ?? {}) : []
    const stops = definitions.map((definition) => this.#use(definition))
    // Last, so that the handlers miss nothing.
    stops.push(keepConnected(service))
    return () => {
      for (const stop of stops) stop()
    }
  }

  /**
   * Calls the listener when `service.state` is replaced. Bound, so it can be passed on as a function. Returns its undo.
   */
  readonly onStatusChange = (listener: () => void): (() => void) => this.service.onStatusChange(listener)

  /**
   * Calls the handler with each event of a type, at once. An error that it throws goes to the stream's `onError`.
   *
   * @returns Stops the calls. Call it once.
   */
  on<Definition extends EventDefinition>(
    definition: Definition,
    handler: EventHandler<EventOfDefinition<Definition>>,
  ): () => void {
    // First, so that an event is counted before a handler renders because of it.
    const release = this.#use(definition)
    const stop = this.service.on(definition, handler)
    return () => {
      stop()
      release()
    }
  }

  /** Adds a subscriber. Returns its undo, which is called once. */
  subscribe(subscriber: FrameSubscriber): () => void {
    const releases = subscriber.definitions.map((definition) => this.#use(definition))
    const sources = subscriber.definitions.map(({ type }) => this.#sources.get(type)!)
    for (const { subscribers } of sources) subscribers.add(subscriber)
    this.#subscribers.add(subscriber)
    return () => {
      this.#subscribers.delete(subscriber)
      for (const { subscribers } of sources) subscribers.delete(subscriber)
      for (const release of releases) release()
      this.#settle()
    }
  }

  /**
   * Calls the listener with the count of events that the subscribers have just shown. For frameworks that render later,
   * such as React: the listener renders too, and calls `commit` when the page has changed. Without a listener,
   * everything shown counts as committed.
   *
   * @returns Stops the calls.
   */
  onShow(listener: (count: number) => void): () => void {
    this.#showListeners.add(listener)
    return () => {
      this.#showListeners.delete(listener)
      this.#settle()
    }
  }

  /**
   * Sets the least time between two shows, in milliseconds. 0, the initial value, shows with each animation frame.
   *
   * @throws {ConfigurationError} if it is not such a number, for example a text from a template's attribute.
   */
  throttle(throttleMs: number): void {
    checkBindingOptions({ throttleMs })
    this.#throttleMs = throttleMs
  }

  /** Records that the page shows the first `count` events. A lower count than before changes nothing. */
  commit(count: number): void {
    if (count > this.#committed) this.#committed = count
  }

  /** Kept events of these types after the first `after` events and within the first `until`, oldest first. */
  kept(types: readonly string[], after: number, until: number): BaseEvent[] {
    return types
      .flatMap((type) => this.#kept.get(type)?.slice(-this.#bufferSize) ?? [])
      .filter(({ count }) => count > after && count <= until)
      .sort((a, b) => a.count - b.count)
      .map(({ event }) => event)
  }

  /**
   * Shows soon what a late subscriber has caught up with: in this task's microtasks if others are ahead of the page,
   * else with the next frame.
   */
  catchUp(): void {
    if (this.#catchingUp) return
    if (this.#shown > this.#committed) {
      this.#catchingUp = true
      queueMicrotask(() => this.finishCatchUp())
    } else this.#requestFrame()
  }

  /**
   * Shows at once what late subscribers have caught up with. Call it in the commit in which the page shows the others'
   * events.
   */
  finishCatchUp(): void {
    if (this.#catchingUp) this.#show()
  }

  /** Passes an error of foreign code to the stream's `onError`. */
  report(error: unknown): void {
    reportTo(this.service, error)
  }

  /** Shows with the next frame, or later if throttled. */
  #requestFrame(): void {
    if (this.#waiting) return
    this.#waiting = true
    const { clock } = this.service
    const restMs = this.#throttleMs <= 0 ? 0 : this.#shownAt + this.#throttleMs - clock.now()
    // The wall clock may have been set back.
    const waitMs = Math.min(restMs, this.#throttleMs)
    if (waitMs > 0) this.#timer = clock.setTimeout(() => nextFrame(this.#show), waitMs)
    else nextFrame(this.#show)
  }

  readonly #show = (): void => {
    this.#cancel()
    this.#shownAt = this.service.clock.now()
    const count = this.#received
    this.#shown = count
    try {
      callAll([...this.#subscribers].map((subscriber) => () => subscriber.show()))
    } finally {
      if (this.#showListeners.size === 0) this.commit(count)
      for (const listener of [...this.#showListeners]) listener(count)
    }
  }

  get #isWatched(): boolean {
    return this.#subscribers.size > 0 || this.#showListeners.size > 0
  }

  /** Cancels the waiting frame when nobody is left to see it. */
  #settle(): void {
    if (this.#isWatched) return
    this.#cancel()
    this.#shown = this.#committed = this.#received
  }

  #cancel(): void {
    cancelFrame(this.#show)
    this.service.clock.clearTimeout(this.#timer)
    this.#waiting = this.#catchingUp = false
  }

  /** Receives a type as long as it has users. */
  #use(definition: EventDefinition): () => void {
    const { type } = definition
    let source = this.#sources.get(type)
    if (!source) {
      source = {
        subscribers: new Set(),
        users: 0,
        stop: this.service.on(definition, (event) => this.#take(event)),
      }
      this.#sources.set(type, source)
    }
    const used = source
    used.users++
    return () => {
      if (--used.users > 0) return
      used.stop()
      this.#sources.delete(type)
    }
  }

  #take(event: BaseEvent): void {
    const count = ++this.#received
    if (this.#bufferSize > 0) {
      const kept = this.#kept.get(event.type) ?? []
      this.#kept.set(event.type, kept)
      kept.push({ count, event })
      // Cut at twice the size: the cost of moving the rest is spread over as many events.
      if (kept.length > 2 * this.#bufferSize) kept.splice(0, kept.length - this.#bufferSize)
    }
    for (const subscriber of this.#sources.get(event.type)?.subscribers ?? []) subscriber.take(event)
    if (this.#isWatched) this.#requestFrame()
    else this.#shown = this.#committed = count
  }
}
