import {
  type BaseEvent,
  type EventContract,
  type GapEvent,
  type SseMessage,
  type StandardSchemaV1,
  UnknownEventError,
} from '@rivulet/core'
import { HandlerList } from './handler-list.js'
import { type MappedEvent, readMessage, toEvent } from './typed-event.js'

export interface DispatcherOptions {
  contract: EventContract | undefined
  validate: boolean
  mapMessage: ((message: SseMessage) => MappedEvent | undefined) | undefined
  now: () => number
  report: (error: unknown) => void
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
  readonly #typed = new Map<string, HandlerList<BaseEvent>>()
  /** Schemas of definitions that handlers were registered by, where the contract has none. */
  readonly #schemas = new Map<string, StandardSchemaV1>()
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
    let list = this.#typed.get(type)
    if (!list) {
      list = new HandlerList()
      this.#typed.set(type, list)
    }
    if (schema && !this.#schemas.has(type)) this.#schemas.set(type, schema)
    return list
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
    let event: BaseEvent | Promise<BaseEvent> | undefined
    try {
      event = this.#read(message, id)
    } catch (error) {
      this.#options.report(error)
    }
    if (!(event instanceof Promise)) return void this.#emit(message, event, id)
    return event.then(
      (settled) => {
        if (!run.cancelled) this.#emit(message, settled, id)
      },
      (error) => {
        if (run.cancelled) return
        this.#options.report(error)
        this.#emit(message, undefined, id)
      },
    )
  }

  /** The typed event, if there is one and anyone wants it. */
  #read(message: SseMessage, id: string | undefined): BaseEvent | Promise<BaseEvent> | undefined {
    const { contract, mapMessage, validate, now } = this.#options
    if (this.#typed.size === 0 && this.any.size === 0) return
    const mapped = mapMessage?.(message)
    if (mapMessage && !mapped) return
    const type = mapped ? mapped.type : message.event
    if (this.any.size === 0 && !this.#typed.get(type)?.size) return
    const schema = contract?.[type]?.schema ?? this.#schemas.get(type)
    if (contract && !schema) {
      if (!this.#unknown.has(type)) {
        this.#unknown.add(type)
        throw new UnknownEventError(type, Object.keys(contract))
      }
      return
    }
    const read = mapped ? { ...mapped, payload: { ...mapped.payload } } : readMessage(message)
    return toEvent(read, id, validate ? schema : undefined, now)
  }

  #emit(message: SseMessage, event: BaseEvent | undefined, id: string | undefined): void {
    if (id !== undefined) this.startAt(id)
    const run = this.#run
    const { report } = this.#options
    this.raw.emit(message, report, run)
    if (!event) return
    this.#typed.get(event.type)?.emit(event, report, run)
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
