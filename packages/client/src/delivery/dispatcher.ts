import type { Clock } from '@rivulet/core'
import { type BaseEvent, comparePositions, type GapEvent, type SseMessage, type StandardSchemaV1 } from '@rivulet/core'
import { ChannelProgress } from '../connection/channel-progress.js'
import type { Received } from '../connection/stream-link.js'
import type { ErrorStage } from '../runtime/report-to.js'
import { HandlerList } from './handler-list.js'
import { readPayload, readStamp, toEvent } from './typed-event.js'

export interface DispatcherOptions {
  /** The names of the channels that the cursor given to the stream counts for. */
  channels?: readonly string[] | undefined
  clock: Clock
  report: (error: unknown, stage?: ErrorStage) => void
}

/** A type that had a handler. */
export interface TypeEntry {
  readonly handlers: HandlerList<BaseEvent>
  schema: StandardSchemaV1 | undefined
}

/** Turns messages into events as they were sent, and calls the handlers. Drops events that were delivered before. */
export class Dispatcher {
  readonly raw: HandlerList<SseMessage> = new HandlerList()
  readonly any: HandlerList<BaseEvent> = new HandlerList()
  readonly gaps: HandlerList<GapEvent> = new HandlerList()
  readonly lives: HandlerList<void> = new HandlerList()
  /** The progress of what was delivered. */
  readonly progress: ChannelProgress
  readonly #options: DispatcherOptions
  /** Types that ever had a handler. */
  readonly #types = new Map<string, TypeEntry>()
  /** The type that was looked up last. Each event brings a new string, which a map would have to hash. */
  #lastType: string | undefined
  #lastEntry: TypeEntry | undefined
  /** IDs are positions, which only increase. */
  isPositioned = false
  #lastEventId = ''
  #order = 0
  #cursor = ''
  /** Position of the last delivered event; `''` if unknown. */
  #position = ''
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
      this.#lastType = undefined
    }
    entry.schema ??= schema
    return entry.handlers
  }

  /** Settles when everything received so far is delivered; `undefined` if nothing is waiting. */
  get drained(): Promise<void> | undefined {
    return undefined
  }

  message(received: Received): void {
    if (this.wasDelivered(received)) return
    const { message, id, beside } = received
    const entry = this.entryOf(message.event)
    let event: BaseEvent | undefined
    try {
      if (this.hasHandlers(entry)) {
        const payload = readPayload(message)
        event = toEvent(message.event, beside ? beside.id : id, payload, readStamp(payload, this.#options.clock))
      }
    } catch (error) {
      this.#options.report(error, 'event')
    }
    this.emit(received, event, entry)
  }

  /** Calls back in the order of receipt: after all earlier events and before all later ones. */
  inOrder(callback: () => void): void {
    callback()
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
  cancel(): void {}

  protected wasDelivered({ id, positioned }: Received): boolean {
    this.isPositioned = positioned
    return id !== undefined && positioned && this.#position !== '' && comparePositions(id, this.#position) <= 0
  }

  protected entryOf(type: string): TypeEntry | undefined {
    if (type !== this.#lastType) {
      this.#lastType = type
      this.#lastEntry = this.#types.get(type)
    }
    return this.#lastEntry
  }

  /** An event that no handler wants need not be made. */
  protected hasHandlers(entry: TypeEntry | undefined): boolean {
    return this.any.size > 0 || (entry !== undefined && entry.handlers.size > 0)
  }

  /** Moves the cursor, and calls the handlers if there is an event. */
  protected emit(
    { message, id, replayed, beside }: Received,
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
    // Nobody has the event yet.
    if (replayed) Object.assign(event, { replayed } as const)
    entry?.handlers.emit(event, report)
    this.any.emit(event, report)
  }
}
