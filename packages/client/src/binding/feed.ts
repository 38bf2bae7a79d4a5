import type { BaseEvent } from '@rivulet/core'
import type { EventStreamService } from '../event-stream-service.js'
import { holdConnection } from './hold.js'
import { awaitsFrame } from './next-frame.js'

interface Kept {
  readonly position: number
  readonly event: BaseEvent
}

/** What a provider gives to what is below it: the stream, and the events that came last. */
export class Feed {
  readonly service: EventStreamService
  /** How many events of the contract have come: the place in the stream, for `after`. */
  position = 0
  readonly #bufferSize: number
  readonly #kept = new Map<string, Kept[]>()
  #shown = 0

  /** @param bufferSize How many events of each type are kept. */
  constructor(service: EventStreamService, bufferSize: number) {
    this.service = service
    this.#bufferSize = bufferSize
  }

  /** Keeps the stream connected, and its latest events, until the returned function is called. */
  open(): () => void {
    const { service } = this
    const stops: (() => void)[] = []
    if (this.#bufferSize > 0) {
      for (const definition of Object.values(service.contract ?? {})) {
        stops.push(service.on(definition, (event) => this.#keep(event)))
      }
    }
    // After the handlers, so that they miss nothing.
    stops.push(holdConnection(service))
    return () => {
      for (const stop of stops) stop()
    }
  }

  readonly onStatusChange = (listener: () => void): (() => void) => this.service.onStatusChange(listener)

  /**
   * Up to where components show the stream, so that one that is rendered now shows the same as the others: to its last
   * event, but while some of them wait for a frame, only as far as those are. To be called by each that waits no more.
   */
  settle(): number {
    if (!awaitsFrame()) this.#shown = this.position
    return this.#shown
  }

  /** The kept events of these types that came after a position and up to another, in the order in which they came. */
  after(position: number, types: readonly string[], until: number = this.position): BaseEvent[] {
    return types
      .flatMap((type) => this.#kept.get(type)?.slice(-this.#bufferSize) ?? [])
      .filter((kept) => kept.position > position && kept.position <= until)
      .sort((a, b) => a.position - b.position)
      .map(({ event }) => event)
  }

  #keep(event: BaseEvent): void {
    const kept = this.#kept.get(event.type) ?? []
    this.#kept.set(event.type, kept)
    kept.push({ position: ++this.position, event })
    // Cut at twice the size, so that the cost of moving the rest is spread over as many events.
    if (kept.length > 2 * this.#bufferSize) kept.splice(0, kept.length - this.#bufferSize)
  }
}
