import {
  type BaseEvent,
  type Clock,
  type EventContract,
  type SseMessage,
  type StandardSchemaV1,
  UnknownEventError,
  validatePayload,
} from '@rivulet/core'
import { development } from '../runtime/development.js'
import { ConfigurationError } from '../runtime/errors.js'
import { decide } from '../runtime/guard.js'
import { Dispatcher, type DispatcherOptions } from './dispatcher.js'
import { type MappedEvent, type Payload, readPayload, readStamp, type Stamp, toEvent } from './typed-event.js'

export interface ContractDispatcherOptions extends DispatcherOptions {
  contract: EventContract | undefined
  validate: boolean
  mapMessage: ((message: SseMessage) => MappedEvent | undefined) | undefined
}

/** Maximum number of unknown event names to report, once each: a stream may bring new ones forever. */
const maxUnknown = 100

/** Dispatcher that knows the contract at run time: it validates events, and reads those of foreign streams. */
export class ContractDispatcher extends Dispatcher {
  readonly #contract: EventContract | undefined
  readonly #validate: boolean
  readonly #mapMessage: ContractDispatcherOptions['mapMessage']
  readonly #clock: Clock
  readonly #unknown = new Set<string>()

  constructor(options: ContractDispatcherOptions) {
    super(options)
    this.#contract = options.contract
    this.#validate = options.validate
    this.#mapMessage = options.mapMessage
    this.#clock = options.clock
  }

  protected override map(message: SseMessage): MappedEvent | undefined | null {
    if (!this.#mapMessage) return undefined
    const mapped = decide('mapMessage', this.#mapMessage, message) ?? null
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
  protected override make(
    message: SseMessage,
    id: string | undefined,
    type: string,
    given: StandardSchemaV1 | undefined,
    mapped: MappedEvent | undefined,
  ): BaseEvent | Promise<BaseEvent> | undefined {
    const contract = this.#contract
    // The contract's schema has priority over that of the definition that a handler is registered with.
    const schema = contract?.[type]?.schema ?? given
    if (contract && !schema) {
      if (this.#unknown.has(type) || this.#unknown.size >= maxUnknown) return
      this.#unknown.add(type)
      throw new UnknownEventError(type, Object.keys(contract))
    }
    const payload = mapped ? { ...mapped.payload } : readPayload(message)
    const stamp = readStamp(mapped ?? payload, this.#clock)
    return schema && this.#validate
      ? toValidEvent(type, id, payload, stamp, schema)
      : toEvent(type, id, payload as Payload, stamp)
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
