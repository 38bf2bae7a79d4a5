import type { Clock } from '@rivulet/core'
import { type BaseEvent, comparePositions, type GapEvent, type SseMessage, type StandardSchemaV1 } from '@rivulet/core'
import { ChannelProgress } from '../connection/channel-progress.js'
import type { BesideCursor } from '../connection/stream-link.js'
import { ask } from '../runtime/guard.js'
import type { ErrorStage } from '../runtime/report-to.js'
import { HandlerList } from './handler-list.js'
import { type MappedEvent, readPayload, readStamp, toEvent } from './typed-event.js'

export interface DispatcherOptions {
  /** The names of the channels that the cursor given to the stream counts for. */
  channels?: readonly string[] | undefined
  clock: Clock
  /** Time limit for making an event, in milliseconds. */
  callbackTimeoutMs: number
  report: (error: unknown, stage?: ErrorStage) => void
}

interface TypeEntry {
  readonly handlers: HandlerList<BaseEvent>
  schema: StandardSchemaV1 | undefined
}

/**
 * Turns messages into events and calls the handlers. Drops events that were delivered before. Keeps the order of receipt, even
 * if an event is made asynchronously.
 */
export class Dispatcher {
  readonly raw: HandlerList<SseMessage> = new HandlerList()
  readonly any: HandlerList<BaseEvent> = new HandlerList()
  readonly gaps: HandlerList<GapEvent> = new HandlerList()
  readonly lives: HandlerList<void> = new HandlerList()
  /** Gets the type of each event that could not be read; `undefined` if that is unknown too. */
  readonly unread: HandlerList<string | undefined> = new HandlerList()
  /** The progress of what was delivered. */
  readonly progress: ChannelProgress
  readonly #options: DispatcherOptions
  /** Types that ever had a handler. One lookup serves each event. */
  readonly #types = new Map<string, TypeEntry>()
  /** IDs are positions, which only increase. */
  isPositioned = false
  #lastEventId = ''
  #order = 0
  #cursor = ''
  /** Position of the last delivered event; `''` if unknown. */
  #position = ''
  /** Deliveries that wait for the schema of an earlier event. */
  #queue: (() => Promise<void> | undefined)[] | undefined
  #drained: Promise<void> | undefined
  #run = new AbortController()

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.progress = new ChannelProgress(options.channels)
  }

  /** ID of the last event that was delivered or found invalid. */
  get lastEventId(): string {
    return this.#lastEventId
  }

  /** Number of events so far, including the one that is being delivered. */
  get order(): number {
    return this.#order
  }

  /** Last event ID before the event that is being delivered. */
  get cursor(): string {
    return this.#cursor
  }

  /** Treats every event up to this ID as delivered. */
  startAt(id: string): void {
    this.#lastEventId = id
    this.#position = id
  }

  /** Returns the handlers of one type. */
  typed(type: string, schema?: StandardSchemaV1): HandlerList<BaseEvent> {
    let entry = this.#types.get(type)
    if (!entry) {
      entry = { handlers: new HandlerList(), schema: undefined }
      this.#types.set(type, entry)
    }
    entry.schema ??= schema
    return entry.handlers
  }

  /** Settles when everything received so far is delivered; `undefined` if nothing is waiting. */
  get drained(): Promise<void> | undefined {
    return this.#drained
  }

  message(
    message: SseMessage,
    id: string | undefined,
    positioned: boolean,
    replayed = false,
    beside?: BesideCursor,
  ): void {
    if (this.#queue) this.#queue.push(() => this.#deliver(message, id, positioned, replayed, beside))
    else this.#track(this.#deliver(message, id, positioned, replayed, beside))
  }

  /**
   * Reads an event that did not come over the stream. `undefined` if the contract lacks its type.
   *
   * @throws {EventValidationError} (or rejects with it) if it does not fit.
   */
  read(message: SseMessage, id: string): BaseEvent | Promise<BaseEvent> | undefined {
    return this.make(message, id, message.event, this.#types.get(message.event)?.schema, undefined)
  }

  /** Calls back in the order of receipt: after all earlier events and before all later ones. */
  inOrder(callback: () => void): void {
    if (this.#queue) this.#queue.push(() => callback() as undefined)
    else callback()
  }

  moveTo(id: string): void {
    this.inOrder(() => this.startAt(id))
  }

  /** Tells of a gap. `id` is the last event ID behind it if that is new. */
  gap(gap: GapEvent, id?: string): void {
    this.inOrder(() => {
      if (id !== undefined) this.startAt(id)
      // The server counts from the start again, so positions may be lower.
      if (gap.reason === 'restarted' && gap.channel === undefined) this.#position = ''
      this.gaps.emit(gap, this.#options.report)
    })
  }

  live(): void {
    this.inOrder(() => this.lives.emit(undefined, this.#options.report))
  }

  /** Delivers no more events. If a handler calls this, the other handlers still get the current event. */
  cancel(): void {
    this.#run.abort()
    this.#run = new AbortController()
    this.#queue = undefined
    this.#drained = undefined
  }

  #deliver(
    message: SseMessage,
    id: string | undefined,
    positioned: boolean,
    replayed: boolean,
    beside: BesideCursor | undefined,
  ): Promise<void> | undefined {
    this.isPositioned = positioned
    if (id !== undefined && positioned && this.#position !== '' && comparePositions(id, this.#position) <= 0) return
    const { clock, callbackTimeoutMs, report } = this.#options
    const { signal } = this.#run
    let entry: TypeEntry | undefined
    let event: BaseEvent | Promise<BaseEvent> | undefined
    let stage: ErrorStage = 'mapMessage'
    let type: string | undefined
    try {
      const mapped = this.map(message)
      stage = 'event'
      if (mapped !== null) {
        type = mapped ? mapped.type : message.event
        entry = this.#types.get(type)
        if (entry?.handlers.size || this.any.size)
          event = this.make(message, beside ? beside.id : id, type, entry?.schema, mapped)
      }
    } catch (error) {
      report(error, stage)
      this.unread.emit(type, report)
    }
    if (!(event instanceof Promise)) {
      this.#emit(message, id, beside, replayed ? asReplayed(event) : event, entry)
      return
    }
    const pending = event
    return ask('validate', () => pending, { clock, signal, timeoutMs: callbackTimeoutMs }).then(
      (settled) => {
        if (!signal.aborted) this.#emit(message, id, beside, replayed ? asReplayed(settled) : settled, entry)
      },
      (error) => {
        if (signal.aborted) return
        report(error, 'event')
        this.unread.emit(type, report)
        this.#emit(message, id, beside, undefined, entry)
      },
    )
  }

  /** Reads a message that may be of another format. `undefined`: it is an event. `null`: it is none. */
  protected map(_message: SseMessage): MappedEvent | undefined | null {
    return undefined
  }

  /** Makes the event. `undefined` if there is none to deliver. */
  protected make(
    message: SseMessage,
    id: string | undefined,
    type: string,
    _schema: StandardSchemaV1 | undefined,
    _mapped: MappedEvent | undefined,
  ): BaseEvent | Promise<BaseEvent> | undefined {
    const payload = readPayload(message)
    return toEvent(type, id, payload, readStamp(payload, this.#options.clock))
  }

  #emit(
    message: SseMessage,
    id: string | undefined,
    beside: BesideCursor | undefined,
    event: BaseEvent | undefined,
    entry: TypeEntry | undefined,
  ): void {
    this.#order++
    this.#cursor = this.#lastEventId
    if (id !== undefined) this.startAt(id)
    if (beside && this.progress.partial.has(beside.channel)) this.progress.partial.set(beside.channel, beside.id)
    const { report } = this.#options
    this.raw.emit(message, report)
    if (!event) return
    entry?.handlers.emit(event, report)
    this.any.emit(event, report)
  }

  #track(pending: Promise<void> | undefined): void {
    if (pending) this.#drained = this.#drain(pending)
  }

  async #drain(pending: Promise<void>): Promise<void> {
    const { signal } = this.#run
    const queue: (() => Promise<void> | undefined)[] = []
    this.#queue = queue
    await pending
    for (let next = 0; next < queue.length; next++) {
      if (signal.aborted) return
      const later = queue[next]!()
      if (later) await later
    }
    if (signal.aborted) return
    this.#queue = undefined
    this.#drained = undefined
  }
}

/** Marks an event, which nobody has yet. */
function asReplayed(event: BaseEvent | undefined): BaseEvent | undefined {
  return event && Object.assign(event, { replayed: true } as const)
}
