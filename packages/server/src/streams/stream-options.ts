import type { EventContract, EventOf, EventType, PayloadOf } from '@rivulet/core'
import type { Compression } from '../delivery/compression.js'
import type { Awaitable } from '../runtime/awaitable.js'
import type { CallbackOptions } from '../runtime/guard.js'
import type { Refusal } from '../sinks/sink.js'

/** Admits a request, provided that it has a context. */
export interface Admission<Context> {
  /**
   * The user or client behind the request. Passed to `channels`, `filter`, `snapshot` and `presence`, and shown in
   * `manager.connections`. `undefined` and `null` stand for nobody: the request is refused with 401.
   */
  readonly context: Context | null | undefined
  /** The user, tenant or address that the connection counts for in `maxConnectionsPerKey`. Not empty. */
  readonly key?: string | undefined
  /**
   * The time at which the credential expires, in milliseconds since the Unix epoch or as a `Date`. The stream ends then, and
   * the client reconnects.
   */
  readonly expiresAt?: number | Date | undefined
}

/**
 * The answer of `authorize`. `true` admits the request without a context, `false` refuses it with 403. Any value that is
 * neither an admission nor a refusal admits nobody: the client gets 500, and `onError` a `ConfigurationError`.
 */
export type Authorization<Context> = Admission<Context> | Refusal | boolean

/** An event for a single connection. */
export type SnapshotEvent<Contract extends EventContract> = {
  [Type in EventType<Contract>]: {
    readonly type: Type
    readonly payload: PayloadOf<Contract, Type>
    /** The event's `channel`, where one snapshot has the state of several. @default 'default' */
    readonly channel?: string
  }
}[EventType<Contract>]

/** The state when a client joins, as events of the contract. */
export interface Snapshot<Contract extends EventContract> {
  readonly events: readonly SnapshotEvent<Contract>[]
  /**
   * The id of the last event that this state includes. Later events follow the snapshot. Without a cursor, every event
   * published since the call of `snapshot` follows, and the state may already include some of them.
   */
  readonly cursor?: string | undefined
}

/** The last argument of `channels`. */
export interface ChannelsOptions extends CallbackOptions {
  /**
   * The channels that the client asked for: in the stream's request with query parameters `channel`, or in a change of the
   * open stream. Distinct names, at most 1,000 of at most 256 characters. `undefined` if it never asked. Check each against
   * the user.
   */
  readonly requested: readonly string[] | undefined
}

/** The last argument of `snapshot`. */
export interface SnapshotOptions extends CallbackOptions {
  /** The channels whose state is wanted: all at the beginning of a stream, later the added ones. */
  readonly channels: readonly string[]
}

/**
 * The options for the streams of one route. `Request` is the framework's own request.
 *
 * If one of the functions throws, rejects, returns an invalid value or exceeds the manager's `callbackTimeoutMs`, the client
 * gets 500 without details, and `onError` the reason. Asynchronous functions get a `signal` that aborts when their answer is
 * no
 * longer needed.
 */
export interface EventStreamOptions<
  Request = unknown,
  Context = unknown,
  Contract extends EventContract = EventContract,
> {
  /**
   * The channels of a stream, or a function that returns them. An empty list refuses with 403. The function is also called
   * when the client changes the channels of an open stream, with the request of the control route. @default ['default']
   */
  channels?:
    | readonly string[]
    | ((request: Request, context: Context, options: ChannelsOptions) => Awaitable<readonly string[]>)
  /**
   * Lets clients change the channels of their open streams, by a POST to the route's control route. Add that route with the
   * same options: `streamControl` in the packages for frameworks, `handleStreamControl` or `streamControlResponse` in this one.
   *
   * @default false
   */
  changeable?: boolean
  /** Admits or refuses a request. @default Admits everyone */
  authorize?: (request: Request, options: CallbackOptions) => Awaitable<Authorization<Context>>
  /**
   * Selects the events that a stream gets, live and replayed. Runs for each event and connection, so filtered streams cost
   * more than streams that differ by channel. Must return true or false synchronously: if it throws or returns anything else,
   * such as a promise, the event is withheld and `onError` gets the reason.
   */
  filter?: (event: EventOf<Contract>, context: Context) => boolean
  /**
   * The kept events that a client without a last event ID gets. From each channel: none, the latest, or that many. With
   * `{ last }`, the latest of all channels together, in the order of publishing, at most that many. Finding these reads as many
   * of each channel. Channels that are added to an open stream are counted by themselves. @default 'none'
   */
  replay?: 'none' | 'latest' | number | { readonly last: number }
  /**
   * Returns the state for a client that cannot resume, because it has no last event ID or that event is no longer kept, and
   * the state of channels that are added to an open stream. Sent before the first event, and replaces `replay`. Live events
   * are held back before the call, so that none is lost in between.
   */
  snapshot?: (context: Context, options: SnapshotOptions) => Awaitable<Snapshot<Contract>>
  /**
   * Compresses streams for clients that accept the encoding `deflate`, with `sharedDeflate` from `@rivulet/server/deflate`. All
   * streams with the same channels share the compressed bytes, which are a fifth to a third for typical JSON. Streams with a
   * `filter` are not compressed. Only for channels that carry nothing secret beside text that an attacker can choose: the size
   * of the bytes would give the secret away.
   *
   * @default undefined Not compressed
   */
  compression?: Compression | undefined
  /**
   * Makes each stream a member of its channels, which `manager.presence(channel)` lists on every node. Returns the data that
   * others may see, as a JSON value (a name, a role). `undefined` hides this stream.
   */
  presence?: (context: Context, options: CallbackOptions) => Awaitable<unknown>
  /**
   * The form of a refusal with 429 or 503, after which the client may reconnect: at a limit, during shutdown, and so on.
   *
   * - `status`: that status, with `Retry-After`. Native `EventSource` gives up for good.
   * - `stream`: status 200 and a stream that says when to reconnect, and ends. Native `EventSource` fires `open`, then
   *   `error`, and reconnects. The cost: logs, proxies and monitors see a success, so watch `stats().refused` instead, and
   *   health checks of the route prove nothing.
   *
   * @default 'status'
   */
  refuseBusyWith?: 'status' | 'stream'
}
