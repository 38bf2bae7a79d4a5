import {
  type BaseEvent,
  type EventContract,
  type SseMessage,
  type StandardSchemaV1,
  UnknownEventError,
  validatePayload,
} from '@rivulet/core'
import type { Received } from '../connection/stream-link.js'
import { development } from '../runtime/development.js'
import { ConfigurationError } from '../runtime/errors.js'
import { ask, decide } from '../runtime/guard.js'
import type { ErrorStage } from '../runtime/report-to.js'
import { Dispatcher, type DispatcherOptions, type TypeEntry } from './dispatcher.js'
import { HandlerList } from './handler-list.js'
import { type MappedEvent, type Payload, readPayload, readStamp, type Stamp, toEvent } from './typed-event.js'

export interface ContractDispatcherOptions extends DispatcherOptions {
  contract: EventContract | undefined
  validate: boolean
  mapMessage: ((message: SseMessage) => MappedEvent | undefined) | undefined
  /** Time limit for an asynchronous schema, in milliseconds. */
  callbackTimeoutMs: number
}

/** Maximum number of unknown event names to report, once each: a stream may bring new ones forever. */
const maxUnknown = 100

/**
 * Dispatcher that knows the contract at run time: it validates events, and reads those of foreign streams. Keeps the order of
 * receipt even if a schema is asynchronous.
 */
export class ContractDispatcher extends Dispatcher {
  readonly #options: ContractDispatcherOptions
  readonly #unknown = new Set<string>()
  readonly #unread = new HandlerList<string | undefined>()
  /** Deliveries that wait for the schema of an earlier event. */
  #queue: (() => Promise<void> | undefined)[] | undefined
  #drained: Promise<void> | undefined
  #run = new AbortController()

  constructor(options: ContractDispatcherOptions) {
    super(options)
    this.#options = options
  }

  /** Calls the listener with the type of each event that could not be read; `undefined` if that is unknown too. */
  onUnread(listener: (type: string | undefined) => void): () => void {
    return this.#unread.add(listener)
  }

  override get drained(): Promise<void> | undefined {
    return this.#drained
  }

  override message(received: Received): void {
    if (this.#queue) this.#queue.push(() => this.#deliver(received))
    else this.#track(this.#deliver(received))
  }

  override inOrder(callback: () => void): void {
    if (this.#queue) this.#queue.push(() => callback() as undefined)
    else callback()
  }

  override cancel(): void {
    this.#run.abort()
    this.#run = new AbortController()
    this.#queue = undefined
    this.#drained = undefined
  }

  /**
   * Reads an event that did not come over the stream. `undefined` if the contract lacks its type.
   *
   * @throws {EventValidationError} (or rejects with it) if it does not fit.
   */
  read(message: SseMessage, id: string): BaseEvent | Promise<BaseEvent> | undefined {
    return this.#make(message, id, message.event, this.entryOf(message.event))
  }

  #deliver(received: Received): Promise<void> | undefined {
    if (this.wasDelivered(received)) return
    const { message, id, beside } = received
    const run = this.#run
    let entry: TypeEntry | undefined
    let event: BaseEvent | Promise<BaseEvent> | undefined
    let stage: ErrorStage = 'mapMessage'
    let type: string | undefined
    try {
      const mapped = this.#map(message)
      stage = 'event'
      if (mapped !== null) {
        type = mapped ? mapped.type : message.event
        entry = this.entryOf(type)
        if (this.hasHandlers(entry)) event = this.#make(message, beside ? beside.id : id, type, entry, mapped)
      }
    } catch (error) {
      this.#reportUnread(error, stage, type)
    }
    if (event instanceof Promise) return this.#deliverLater(event, received, entry, type, run.signal)
    this.emit(received, event, entry)
  }

  #reportUnread(error: unknown, stage: ErrorStage, type: string | undefined): void {
    const { report } = this.#options
    report(error, stage)
    this.#unread.emit(type, report)
  }

  // Apart from `#deliver`, whose variables these functions hold on to: that would cost every event an allocation.
  #deliverLater(
    pending: Promise<BaseEvent>,
    received: Received,
    entry: TypeEntry | undefined,
    type: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, callbackTimeoutMs } = this.#options
    return ask('validate', () => pending, { clock, signal, timeoutMs: callbackTimeoutMs }).then(
      (settled) => {
        if (!signal.aborted) this.emit(received, settled, entry)
      },
      (error) => {
        if (signal.aborted) return
        this.#reportUnread(error, 'event', type)
        this.emit(received, undefined, entry)
      },
    )
  }

  /** Reads a message that may be of another format. `undefined`: it is an event of the wire. `null`: it is none. */
  #map(message: SseMessage): MappedEvent | undefined | null {
    const { mapMessage } = this.#options
    if (!mapMessage) return undefined
    const mapped = decide('mapMessage', mapMessage, message) ?? null
    if (mapped !== null && typeof mapped.type !== 'string') {
      throw new ConfigurationError(
        'mapMessage',
        mapped,
        development ? 'Return { type, payload }, or undefined to skip the message.' : '',
      )
    }
    return mapped
  }

  /** Throws once, and then returns `undefined`, for a type that the contract lacks. */
  #make(
    message: SseMessage,
    id: string | undefined,
    type: string,
    entry: TypeEntry | undefined,
    mapped?: MappedEvent,
  ): BaseEvent | Promise<BaseEvent> | undefined {
    const { contract, validate, clock } = this.#options
    // The contract's schema has priority over that of the definition that a handler is registered with.
    const schema = contract?.[type]?.schema ?? entry?.schema
    if (contract && !schema) {
      if (this.#unknown.has(type) || this.#unknown.size >= maxUnknown) return
      this.#unknown.add(type)
      throw new UnknownEventError(type, Object.keys(contract))
    }
    const payload = mapped ? { ...mapped.payload } : readPayload(message)
    const stamp = readStamp(mapped ?? payload, clock)
    return schema && validate
      ? toValidEvent(type, id, payload, stamp, schema)
      : toEvent(type, id, payload as Payload, stamp)
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

/** @throws {EventValidationError} (or rejects with it) if the payload does not fit. */
function toValidEvent(
  type: string,
  id: string | undefined,
  payload: Payload,
  stamp: Stamp,
  schema: StandardSchemaV1,
): BaseEvent | Promise<BaseEvent> {
  const { timestamp, source } = stamp
  // A strict schema would reject the keys that every event has.
  const { timestamp: _timestamp, source: _source, channel: _channel, ...own } = payload
  const finish = (output: unknown) => toEvent(type, id, { id, type, timestamp, source, ...(output as object) }, stamp)
  const output = validatePayload(type, schema, own)
  return output instanceof Promise ? output.then(finish) : finish(output)
}
