import {
  type BaseEvent,
  type Clock,
  type EventContract,
  type EventType,
  type GapEvent,
  type PayloadOf,
  systemClock,
} from '@rivulet/core'
import { Connection } from './connection/connection.js'
import type { ConnectionStatus } from './connection/connection-machine.js'
import type { ConnectionOptions } from './connection/connection-options.js'
import { FixedChannels } from './connection/fixed-channels.js'
import type { ConnectionState } from './connection-state.js'
import { Dispatcher } from './delivery/dispatcher.js'
import type { EventHandler, SubscribeOptions } from './delivery/handler-list.js'
import { StreamErrors } from './delivery/stream-errors.js'
import type { StreamErrorContext } from './runtime/report-to.js'
import { StreamCore } from './stream-core.js'

// Makes a stream of the parts that every stream needs: the core of the client alone.

/**
 * Options of {@link createEventStream}: the request, which is a GET, its retries, and its limits. They are not checked at run
 * time.
 */
export interface CreateEventStreamOptions
  extends Omit<ConnectionOptions, 'method' | 'body' | 'idempotent' | 'controlUrl' | 'onUnauthorized'> {
  /** The ID of the last event that the application already has. @default '': begins at the present */
  lastEventId?: string
  /** The source of time, timers and randomness. Tests replace it. @default the system's clock */
  clock?: Clock
}

/** Events of a contract as they were sent: with the input of their schemas, of which nothing is validated or transformed. */
export type SentEvent<Contract extends EventContract, Type extends EventType<Contract> = EventType<Contract>> = {
  [Name in Type]: BaseEvent<Name> & PayloadOf<Contract, Name>
}[Type]

/** A stream that connects, resumes and tells of gaps. Its members mean what they mean in `EventStreamService`. */
export interface EventStream<Contract extends EventContract> {
  readonly state: ConnectionState
  readonly status: ConnectionStatus
  /** The cursor: the ID up to which every event was delivered; `''` if there is none. */
  readonly lastEventId: string
  /** Connects, and stays connected until `close()`, the stream's end or a final error, or until the signal aborts. */
  connect(options?: { signal?: AbortSignal }): void
  /** Makes an attempt at once and replaces an existing connection. */
  reconnect(): void
  /** Ends the connection and any retry. No further event is delivered. */
  close(): void
  /** Calls the handler with each event of a type, and returns the undo. */
  on<Type extends EventType<Contract>>(
    type: Type,
    handler: EventHandler<SentEvent<Contract, Type>>,
    options?: SubscribeOptions,
  ): () => void
  /** Calls the handler with every event, after the handlers of its type. */
  onAny(handler: EventHandler<SentEvent<Contract>>, options?: SubscribeOptions): () => void
  /** Calls the listener for every gap: a place where events may be missing. Gaps and events come in order. */
  onGap(listener: (gap: GapEvent) => unknown, options?: SubscribeOptions): () => void
  /** Calls the listener with every new `state`. */
  onStatusChange(
    listener: (state: ConnectionState, previous: ConnectionState) => unknown,
    options?: SubscribeOptions,
  ): () => void
  /** Calls the listener with every error. Without one, errors that are not in `state` go to the console. */
  onError(listener: (error: unknown, context: StreamErrorContext) => unknown, options?: SubscribeOptions): () => void
}

/**
 * Creates a stream for pages that count every kilobyte. It is the core of `EventStreamService`: it connects, reconnects with
 * the server's delays, resumes at its cursor, notices dead connections and reports gaps. It knows the contract by its type alone, so
 * a bundle contains no schemas. For validation, loops, `persist`, `shared`, `setChannels`, `onUnauthorized`, requests with a
 * body and foreign streams, use `EventStreamService`.
 *
 * @example
 * import type { events } from './events.js'
 *
 * const stream = createEventStream<typeof events>({ url: '/events' })
 * stream.on('log', ({ level, message }) => console.log(level, message))
 * stream.connect()
 */
export function createEventStream<Contract extends EventContract>(
  options: CreateEventStreamOptions,
): EventStream<Contract> {
  const { clock = systemClock, channels, lastEventId = '' } = options
  const errors = new StreamErrors()
  return new StreamCore(lastEventId, {
    errors,
    dispatcher: new Dispatcher({ channels, clock, report: errors.report }),
    link: (sink) => new Connection(options, clock, sink, new FixedChannels(channels, sink)),
  })
}
