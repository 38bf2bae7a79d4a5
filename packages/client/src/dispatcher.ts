import {
  type BaseEvent,
  type EventContract,
  type GapEvent,
  type SseMessage,
  type StandardSchemaV1,
  UnknownEventError,
} from '@rivulet/core'
import { HandlerList } from './handler-list.js'
import { type MappedEvent, readPayload, toEvent } from './typed-event.js'

export interface DispatcherOptions {
  contract: EventContract | undefined
  validate: boolean
  mapMessage: ((message: SseMessage) => MappedEvent | undefined) | undefined
  now: () => number
  report: (error: unknown) => void
}

interface TypeEntry {
  readonly handlers: HandlerList<BaseEvent>
  schema: StandardSchemaV1 | undefined
}

/**
 * From message to handlers: drops what was delivered before, reads and validates, and calls the handlers, strictly in the
 * order of receipt also where a schema answers later.
 */
export class Dispatcher {
  readonly raw: HandlerList<SseMessage> = new HandlerList()
  readonly any: HandlerList<BaseEvent> = new HandlerList()
  readonly gaps: HandlerList<GapEvent> = new HandlerList()
  readonly #options: DispatcherOptions
  /** What is known of each type that ever had a handler: looked up once for each event. */
  readonly #types = new Map<string, TypeEntry>()
  readonly #unknown = new Set<string>()
  #lastEventId = ''
  /** Events up to here were delivered; `''` while there is nothing to compare with. */
  #position = ''
  /** What waits for a schema's answer to something before it. */
  #queue: (() => Promise<void> | undefined)[] | undefined
  #drained: Promise<void> | undefined
  #run = { cancelled: false }

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  /** The ID of the last event that was delivered, or found invalid. */
  get lastEventId(): string {
    return this.#lastEventId
  }

  /** Takes everything up to this ID as delivered. */
  startAt(id: string): void {
    this.#lastEventId = id
    this.#position = id
  }

  /** The handlers of one type. */
  typed(type: string, schema?: StandardSchemaV1): HandlerList<BaseEvent> {
    let entry = this.#types.get(type)
    if (!entry) {
      entry = { handlers: new HandlerList(), schema: this.#options.contract?.[type]?.schema }
      this.#types.set(type, entry)
    }
    // The contract comes first; without one, or beside it, the definition that a handler is registered by says what to expect.
    entry.schema ??= schema
    return entry.handlers
  }

  /** Settles when everything received so far is delivered; `undefined` when it is. */
  get drained(): Promise<void> | undefined {
    return this.#drained
  }

  message(message: SseMessage, id: string | undefined, positioned: boolean): void {
    if (this.#queue) this.#queue.push(() => this.#deliver(message, id, positioned))
    else this.#track(this.#deliver(message, id, positioned))
  }

  /** Calls back in the order of receipt: after all events before, and before all after. */
  inOrder(callback: () => void): void {
    if (this.#queue) this.#queue.push(() => callback() as undefined)
    else callback()
  }

  cursor(id: string): void {
    this.inOrder(() => this.startAt(id))
  }

  gap(gap: GapEvent): void {
    this.inOrder(() => {
      // The server has begun to count anew, perhaps at a lower position.
      if (gap.reason === 'restarted') this.#position = ''
      this.gaps.emit(gap, this.#options.report, this.#run)
    })
  }

  /** Stops delivery at once, inside a handler too: the handlers that come after it are not called. */
  cancel(): void {
    this.#run.cancelled = true
    this.#run = { cancelled: false }
    this.#queue = undefined
    this.#drained = undefined
  }

  #deliver(message: SseMessage, id: string | undefined, positioned: boolean): Promise<void> | undefined {
    if (id !== undefined && positioned && this.#position !== '' && !isAfter(id, this.#position)) return
    const run = this.#run
    let entry: TypeEntry | undefined
    let event: BaseEvent | Promise<BaseEvent> | undefined
    try {
      const { mapMessage } = this.#options
      const mapped = mapMessage?.(message)
      if (mapped || !mapMessage) {
        const type = mapped ? mapped.type : message.event
        entry = this.#types.get(type)
        if (entry?.handlers.size || this.any.size) event = this.#read(message, id, type, entry, mapped)
      }
    } catch (error) {
      this.#options.report(error)
    }
    if (!(event instanceof Promise)) {
      this.#emit(message, id, event, entry)
      return
    }
    return event.then(
      (settled) => {
        if (!run.cancelled) this.#emit(message, id, settled, entry)
      },
      (error) => {
        if (run.cancelled) return
        this.#options.report(error)
        this.#emit(message, id, undefined, entry)
      },
    )
  }

  /** The typed event, unless the contract has none of this type. */
  #read(
    message: SseMessage,
    id: string | undefined,
    type: string,
    entry: TypeEntry | undefined,
    mapped: MappedEvent | undefined,
  ): BaseEvent | Promise<BaseEvent> | undefined {
    const { contract, validate, now } = this.#options
    const schema = entry ? entry.schema : contract?.[type]?.schema
    if (contract && !schema) {
      if (this.#unknown.has(type)) return
      this.#unknown.add(type)
      throw new UnknownEventError(type, Object.keys(contract))
    }
    const payload = mapped ? { ...mapped.payload } : readPayload(message)
    return toEvent(type, id, payload, mapped ?? payload, validate ? schema : undefined, now)
  }

  #emit(message: SseMessage, id: string | undefined, event: BaseEvent | undefined, entry: TypeEntry | undefined): void {
    if (id !== undefined) this.startAt(id)
    const run = this.#run
    const { report } = this.#options
    this.raw.emit(message, report, run)
    if (!event) return
    entry?.handlers.emit(event, report, run)
    this.any.emit(event, report, run)
  }

  #track(pending: Promise<void> | undefined): void {
    if (pending) this.#drained = this.#drain(pending)
  }

  async #drain(pending: Promise<void>): Promise<void> {
    const run = this.#run
    const queue: (() => Promise<void> | undefined)[] = []
    this.#queue = queue
    await pending
    for (let next = 0; next < queue.length; next++) {
      if (run.cancelled) return
      const later = queue[next]!()
      if (later) await later
    }
    if (run.cancelled) return
    this.#queue = undefined
    this.#drained = undefined
  }
}

/** Positions are numbers in base 36, so the longer one is the later. */
function isAfter(id: string, position: string): boolean {
  return id.length === position.length ? id > position : id.length > position.length
}
