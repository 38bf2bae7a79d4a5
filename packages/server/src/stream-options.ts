import type { EventContract, EventOf, EventType, PayloadOf } from '@rivulet/core'
import type { Awaitable } from './awaitable.js'

/** Lets a request in. */
export interface Admission<Context> {
  /** Handed to `channels`, `filter` and `snapshot`, and shown in `manager.connections`. */
  readonly context?: Context
  /** Whom the connection counts for in `maxConnectionsPerKey`: a user, a tenant, an address. */
  readonly key?: string | undefined
  /** When the credential ends: the stream is closed then, and the client told to come back. Milliseconds since the Unix epoch, or a `Date`. */
  readonly expiresAt?: number | Date | undefined
}

/** Keeps a request out. */
export interface Denial {
  /** The HTTP status: 401 (the client fetches a new credential, then comes back), 403 (it gives up), 404, … */
  readonly status: number
  /** The body of the response, as plain text. */
  readonly message?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** What `authorize` answers. `true` lets in, without a context; `false` is 403. */
export type Authorization<Context> = Admission<Context> | Denial | boolean

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
  readonly asOf?: string | undefined
}

/** What decides about the streams of one route. `Request` is the framework's own request. */
export interface EventStreamOptions<
  Request = unknown,
  Context = unknown,
  Contract extends EventContract = EventContract,
> {
  /** The channels of a stream, or a function that tells them. No channel at all is refused with 403. @default ['default'] */
  channels?: readonly string[] | ((request: Request, context: Context) => Awaitable<readonly string[]>)
  /** Decides on each request. Whoever it does not let in gets no stream; if it throws, nobody gets one (500). */
  authorize?: (request: Request) => Awaitable<Authorization<Context>>
  /**
   * Which events of its channels a stream gets, live and replayed. Asked for each event and connection: such streams
   * cost more than those that differ by channel. If it throws, the event is withheld.
   */
  filter?: (event: EventOf<Contract>, context: Context) => boolean
  /** What a client without a last event ID gets of each channel: nothing, the last event, or that many. @default 'none' */
  replay?: 'none' | 'latest' | number
  /**
   * The state for a client that cannot go on from where it was: one without a last event ID, or whose last event is not
   * kept any more. It is sent before the first event, takes the place of `replay`, and is asked for after live events
   * are held back, so that none falls between. If it throws, the request is answered with 500.
   */
  snapshot?: (context: Context) => Awaitable<Snapshot<Contract>>
  /**
   * Makes each stream a member of its channels, which `manager.presence(channel)` shows on every node: gives what
   * others may know of it, as JSON (a name, a role). `undefined`: this one is not shown. If it throws, the request is
   * answered with 500.
   */
  presence?: (context: Context) => Awaitable<unknown>
}
