import type { EventContract, EventOf, EventType, PayloadOf } from '@rivulet/core'
import type { Awaitable } from '../runtime/awaitable.js'
import type { CallbackOptions } from '../runtime/guard.js'
import type { Refusal } from '../sinks/sink.js'

/** Lets a request in, if it has a context. */
export interface Admission<Context> {
  /**
   * Whoever the request is from. Handed to `channels`, `filter`, `snapshot` and `presence`, and shown in
   * `manager.connections`. `undefined` and `null` stand for nobody: the request is refused with 401.
   */
  readonly context: Context | null | undefined
  /** Whom the connection counts for in `maxConnectionsPerKey`: a user, a tenant, an address. Not empty. */
  readonly key?: string | undefined
  /** When the credential ends: the stream is closed then, and the client told to come back. Milliseconds since the Unix epoch, or a `Date`. */
  readonly expiresAt?: number | Date | undefined
}

/**
 * The answer of `authorize`. `true` lets in, without a context; `false` is 403. Anything else that is neither an admission
 * nor a refusal lets nobody in: the request is answered with 500, and `onError` gets a `ConfigurationError`.
 */
export type Authorization<Context> = Admission<Context> | Refusal | boolean

/** An event for one connection alone. */
export type SnapshotEvent<Contract extends EventContract> = {
  [Type in EventType<Contract>]: { readonly type: Type; readonly payload: PayloadOf<Contract, Type> }
}[EventType<Contract>]

/** The state at the moment of joining, as events of the contract. */
export interface Snapshot<Contract extends EventContract> {
  readonly events: readonly SnapshotEvent<Contract>[]
  /**
   * The id of the last event that this state includes; what came after it follows. Without it, everything published
   * since the snapshot was asked for follows: for a state that was read after that, some of it may be in there already.
   */
  readonly cursor?: string | undefined
}

/**
 * What decides about the streams of one route. `Request` is the framework's own request.
 *
 * Where one of the functions throws, rejects, answers with what makes no sense, or does not answer within the manager's
 * `callbackTimeoutMs`, the request is answered with 500 and no detail, and `onError` gets the reason. Those that may answer
 * later get a `signal` that aborts when nobody waits for them any more.
 */
export interface EventStreamOptions<
  Request = unknown,
  Context = unknown,
  Contract extends EventContract = EventContract,
> {
  /** The channels of a stream, or a function that gives them. No channel at all is refused with 403. @default ['default'] */
  channels?:
    | readonly string[]
    | ((request: Request, context: Context, options: CallbackOptions) => Awaitable<readonly string[]>)
  /** Decides on each request. Whoever it does not let in gets no stream. @default Lets everyone in */
  authorize?: (request: Request, options: CallbackOptions) => Awaitable<Authorization<Context>>
  /**
   * Decides which events of its channels a stream gets, live and replayed. Asked for each event and connection: such streams
   * cost more than those that differ by channel. It answers at once, with true or false: with anything else, a promise
   * for example, or if it throws, the event is withheld and `onError` told.
   */
  filter?: (event: EventOf<Contract>, context: Context) => boolean
  /** What a client without a last event ID gets of each channel: nothing, the last event, or that many. @default 'none' */
  replay?: 'none' | 'latest' | number
  /**
   * The state for a client that cannot go on from where it was: one without a last event ID, or whose last event is not
   * kept any more. It is sent before the first event, takes the place of `replay`, and is asked for after live events
   * are held back, so that none falls between.
   */
  snapshot?: (context: Context, options: CallbackOptions) => Awaitable<Snapshot<Contract>>
  /**
   * Makes each stream a member of its channels, which `manager.presence(channel)` shows on every node: gives what
   * others may know of it, as JSON (a name, a role). `undefined`: this one is not shown.
   */
  presence?: (context: Context, options: CallbackOptions) => Awaitable<unknown>
  /**
   * How requests are refused that may come back: at a limit, while the manager closes, and wherever else the status is 429 or 503.
   *
   * - `status`: by that status, with `Retry-After`. A native `EventSource` gives up for good.
   * - `stream`: by status 200 and a stream that says when to come back, and ends. A native `EventSource` fires `open`, then
   *   `error`, and comes back. The cost: logs, proxies and monitors see a success, so watch `stats().refused` instead, and
   *   health checks of such a route prove nothing.
   *
   * @default 'status'
   */
  refuseBusyWith?: 'status' | 'stream'
}
