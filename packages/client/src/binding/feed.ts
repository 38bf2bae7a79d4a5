import type { BaseEvent, EventDefinition, EventOfDefinition } from '@rivulet/core'
import type { EventHandler, EventStreamService } from '../event-stream-service.js'
import { reportTo } from '../report-to.js'
import { holdConnection } from './hold.js'
import { cancelFrame, nextFrame } from './next-frame.js'

/** Takes in events of some types, and shows what they made once per frame. */
export interface FeedSubscriber {
  readonly definitions: readonly EventDefinition[]
  /** Called with each event at once. */
  take(event: BaseEvent): void
  /** Called once per frame. */
  show(): void
}

interface Kept {
  readonly position: number
  readonly event: BaseEvent
}

interface Source {
  readonly subscribers: Set<FeedSubscriber>
  users: number
  readonly stop: () => void
}

/**
 * Gives the components below a provider its stream: hands events on as they come, shows them in all components at once, and
 * keeps the latest ones.
 */
export class Feed {
  readonly service: EventStreamService
  /** How many events have come. */
  position = 0
  /** The position that the page shows. */
  committed = 0
  /** The position that subscribers have shown last: the page will, where it does not yet. */
  #shown = 0
  readonly #bufferSize: number
  readonly #kept = new Map<string, Kept[]>()
  readonly #sources = new Map<string, Source>()
  readonly #subscribers = new Set<FeedSubscriber>()
  readonly #showListeners = new Set<(position: number) => void>()
  #throttleMs = 0
  #shownAt = Number.NEGATIVE_INFINITY
  #waiting = false
  #catchingUp = false
  #timer: unknown

  /** @param bufferSize How many events of each type are kept. */
  constructor(service: EventStreamService, bufferSize: number) {
    this.service = service
    this.#bufferSize = bufferSize
  }

  /** Keeps the stream connected, and its latest events, until the returned function is called. */
  open(): () => void {
    const { service } = this
    const definitions = this.#bufferSize > 0 ? Object.values(service.contract ?? {}) : []
    const stops = definitions.map((definition) => this.#use(definition))
    // After the handlers, so that they miss nothing.
    stops.push(holdConnection(service))
    return () => {
      for (const stop of stops) stop()
    }
  }

  readonly onStatusChange = (listener: () => void): (() => void) => this.service.onStatusChange(listener)

  /** Calls a handler with each event of a type, at once. What it throws goes to the stream's `onError`. */
  on<Definition extends EventDefinition>(
    definition: Definition,
    handler: EventHandler<EventOfDefinition<Definition>>,
  ): () => void {
    // First, so that an event has its position before a handler renders because of it.
    const release = this.#use(definition)
    const stop = this.service.on(definition, handler)
    return () => {
      stop()
      release()
    }
  }

  subscribe(subscriber: FeedSubscriber): () => void {
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

  /** Calls a listener with the position when subscribers show it; it says by `commit` when the page does. */
  onShow(listener: (position: number) => void): () => void {
    this.#showListeners.add(listener)
    return () => {
      this.#showListeners.delete(listener)
      this.#settle()
    }
  }

  /** Shows events at most this often from now on, in milliseconds. 0: with each animation frame. */
  throttle(throttleMs: number): void {
    this.#throttleMs = throttleMs
  }

  /** Takes note that the page shows everything up to this position. */
  commit(position: number): void {
    if (position > this.committed) this.committed = position
  }

  /** The kept events of these types that came after a position and up to another, in the order in which they came. */
  after(position: number, types: readonly string[], until: number): BaseEvent[] {
    return types
      .flatMap((type) => this.#kept.get(type)?.slice(-this.#bufferSize) ?? [])
      .filter((kept) => kept.position > position && kept.position <= until)
      .sort((a, b) => a.position - b.position)
      .map(({ event }) => event)
  }

  /** Shows with the next frame, or later where that would be too often. */
  requestFrame(): void {
    if (this.#waiting) return
    this.#waiting = true
    const { clock } = this.service
    const waitMs = this.#throttleMs <= 0 ? 0 : this.#shownAt + this.#throttleMs - clock.now()
    if (waitMs > 0) this.#timer = clock.setTimeout(() => nextFrame(this.#show), waitMs)
    else nextFrame(this.#show)
  }

  /** Shows what a subscriber that comes late has made up for, together with what others have shown and the page does not yet. */
  catchUp(): void {
    if (this.#catchingUp) return
    if (this.#shown > this.committed) {
      this.#catchingUp = true
      queueMicrotask(() => this.finishCatchUp())
    } else this.requestFrame()
  }

  /** Shows at once what late subscribers have made up for. Called where the page has begun to show what the others have. */
  finishCatchUp(): void {
    if (this.#catchingUp) this.#show()
  }

  /** Tells the stream's `onError` what foreign code has thrown. */
  report(error: unknown): void {
    reportTo(this.service, error)
  }

  readonly #show = (): void => {
    this.#cancel()
    this.#shownAt = this.service.clock.now()
    const { position } = this
    this.#shown = position
    for (const subscriber of [...this.#subscribers]) subscriber.show()
    if (this.#showListeners.size === 0) this.commit(position)
    for (const listener of [...this.#showListeners]) listener(position)
  }

  get #isWatched(): boolean {
    return this.#subscribers.size > 0 || this.#showListeners.size > 0
  }

  /** Leaves nothing waiting where nobody is left to see it. */
  #settle(): void {
    if (this.#isWatched) return
    this.#cancel()
    this.#shown = this.committed = this.position
  }

  #cancel(): void {
    cancelFrame(this.#show)
    this.service.clock.clearTimeout(this.#timer)
    this.#waiting = this.#catchingUp = false
  }

  /** Receives a type for as long as anyone uses it. */
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
    const position = ++this.position
    if (this.#bufferSize > 0) {
      const kept = this.#kept.get(event.type) ?? []
      this.#kept.set(event.type, kept)
      kept.push({ position, event })
      // Cut at twice the size, so that the cost of moving the rest is spread over as many events.
      if (kept.length > 2 * this.#bufferSize) kept.splice(0, kept.length - this.#bufferSize)
    }
    for (const subscriber of this.#sources.get(event.type)?.subscribers ?? []) subscriber.take(event)
    if (this.#isWatched) this.requestFrame()
    else this.#shown = this.committed = position
  }
}
