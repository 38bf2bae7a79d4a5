import { type Clock, type EventContract, encodeControlEvent } from '@rivulet/core'
import type { Backplane } from '../backplane/backplane.js'
import { MemoryRegistry } from '../backplane/memory-registry.js'
import type { Compression } from '../delivery/compression.js'
import { Connection, type ConnectionOwner } from '../delivery/connection.js'
import { createDeliveryRuntime, type DeliveryRuntime } from '../delivery/delivery-runtime.js'
import { FanOut } from '../delivery/fan-out.js'
import type { WireEvent } from '../delivery/frame.js'
import { type HeartbeatOptions, HeartbeatService } from '../delivery/heartbeat.js'
import type { CoalescingOptions } from '../delivery/pace.js'
import { ChangeRelay } from '../nodes/change-relay.js'
import { Control } from '../nodes/control.js'
import type { Order } from '../nodes/order.js'
import { Presence, type PresenceOptions } from '../nodes/presence.js'
import { diagnose } from '../runtime/diagnostics.js'
import type { SharedStep, Step } from '../runtime/guard.js'
import type { ErrorHandler } from '../runtime/report.js'
import type { ManagerStats } from '../runtime/stats.js'
import type { Sink } from '../sinks/sink.js'
import { ConnectionLimits, type Limits, pipelined, Refused, shuttingDown } from './admission.js'
import { Admitting, type PlainSink } from './admitting.js'
import type { ReadAdmission } from './answers.js'
import { type AskingOptions, clientGone } from './asking.js'
import { Changes } from './changes.js'
import { Disconnects } from './disconnects.js'
import { spreadClosing } from './drain.js'
import type { Join } from './join.js'
import { Lifetimes } from './lifetime.js'
import { makeSecret } from './secret.js'
import { SharedJoins } from './shared-joins.js'
import type { EventStreamOptions } from './stream-options.js'
import { Turns } from './turns.js'

export interface StreamsOptions {
  readonly contract: EventContract
  readonly backplane: Backplane
  /** No other node can have the backplane. */
  readonly alone: boolean
  readonly clock: Clock
  readonly source: string
  readonly name: string | undefined
  readonly heartbeat: HeartbeatOptions | false | undefined
  readonly retryMs: number
  readonly limits: Limits
  readonly coalescing?: CoalescingOptions | boolean | undefined
  readonly callbackTimeoutMs: number
  readonly presence: PresenceOptions | undefined
  readonly onError: ErrorHandler
}

/** Everything that is known about a connection when it opens. */
export interface Opening {
  readonly admitting: Admitting
  readonly admission: ReadAdmission
  /** The stream's presence data as JSON; `undefined` if the stream is hidden. */
  readonly presence: string | undefined
  readonly join: Join
  /** The ordinal in the cohort's queue from which live events wait for it. */
  readonly ordinal: number
  /** The request's `Accept-Encoding` decides whether it is compressed. */
  readonly negotiates: boolean
}

function headersOf(
  { compresses }: Connection,
  { negotiates, join: { location } }: Opening,
): Record<string, string> | undefined {
  if (!negotiates && location === undefined) return undefined
  return {
    ...(location !== undefined && { 'content-location': location }),
    ...(negotiates && { vary: 'Accept-Encoding' }),
    ...(compresses && { 'content-encoding': 'deflate' }),
  }
}

/** The requests of a key that may read at one time, for each stream that it may have: a page reads several lists at once. */
const readsPerStream = 16

function readingLimits({ maxConnectionsPerKey = Infinity, ...limits }: Limits): Limits {
  return { ...limits, maxConnectionsPerKey: readsPerStream * maxConnectionsPerKey }
}

/** The time in milliseconds that the backplane gets to announce that this node leaves. */
const leaveMs = 2_000

/** The open streams of one manager, from admission to the end of the response. */
export class Streams {
  /** Open connections by id. */
  readonly connections: Map<string, Connection> = new Map()
  readonly options: StreamsOptions
  readonly runtime: DeliveryRuntime
  readonly control: Control
  readonly disconnects: Disconnects
  readonly presence: Presence
  readonly changes: Changes
  /** Passes on changes to other nodes. `undefined` if there are none. */
  readonly relay: ChangeRelay | undefined
  readonly asking: AskingOptions
  readonly joins: SharedJoins
  readonly #fanOut: FanOut
  readonly #heartbeat: HeartbeatService
  readonly #lifetimes: Lifetimes
  readonly #limits: ConnectionLimits
  readonly #changeLimits: ConnectionLimits
  readonly #readingLimits: ConnectionLimits
  readonly #admitting = new Set<Admitting>()
  /** Requests whose connections are not open yet, by the connection's id. */
  readonly #joining = new Map<string, Admitting>()
  readonly #owner: ConnectionOwner = {
    onClose: (connection, reason) => this.#onClose(connection, reason),
    onEnd: (connection) => this.#onEnd(connection),
  }
  /** Closed connections whose responses have not ended. */
  readonly #ending = new Set<Connection>()
  /** Makes connection ids unique across processes. Ids are not secret. */
  readonly #idPrefix: string
  #lastId = 0
  #onAllEnded: (() => void) | undefined

  constructor(options: StreamsOptions) {
    const { clock, backplane, limits } = options
    this.#idPrefix = Math.floor(clock.random() * 36 ** 8).toString(36)
    this.options = options
    this.runtime = createDeliveryRuntime({ ...options, name: options.name ?? this.#idPrefix })
    this.#fanOut = new FanOut(this.runtime)
    this.#heartbeat = new HeartbeatService(clock, options.heartbeat)
    this.#lifetimes = new Lifetimes(clock, limits.maxLifetimeMs)
    this.#limits = new ConnectionLimits(limits, clock.random)
    this.#changeLimits = new ConnectionLimits(limits, clock.random)
    this.#readingLimits = new ConnectionLimits(readingLimits(limits), clock.random)
    this.joins = new SharedJoins(clock, options.alone)
    this.asking = { timeoutMs: options.callbackTimeoutMs, turns: new Turns(clock) }
    this.disconnects = new Disconnects({
      open: this.connections,
      joining: this.#joining,
      admitting: this.#admitting,
      members: (channel) => this.#fanOut.members(channel),
      prospects: () => this.changes.pending,
    })
    this.control = new Control(clock, backplane, {
      carryOut: (order, position) => this.#carryOut(order, position),
      reauthorize: () => this.disconnects.reauthorize(),
    })
    this.presence = new Presence(this.runtime, backplane.registry ?? new MemoryRegistry(() => clock.now()), {
      node: this.#idPrefix,
      connections: () => this.connections.size,
      options: options.presence,
    })
    this.changes = new Changes({
      runtime: this.runtime,
      fanOut: this.#fanOut,
      control: this.control,
      presence: this.presence,
      connections: this.connections,
      idPrefix: this.#idPrefix,
      encoding: options,
      asking: this.asking,
    })
    this.relay = options.alone ? undefined : new ChangeRelay(backplane, this.changes)
  }

  #carryOut(order: Order, position: number): void {
    const { type, selector } = order
    if (type === 'disconnect') this.disconnects.selected(selector, order.reason, position)
    else this.disconnects.move(selector, position, (connection) => this.changes.move(connection, type, order.channel))
  }

  /** Takes a request in. Call `answered` when it has its answer. @throws {Refused} */
  admit(sink: Sink): Admitting {
    return this.#takeIn(this.#limits, sink)
  }

  /** Takes in a request to change a stream, within limits of the same numbers. Call `answered` like for a stream. @throws {Refused} */
  admitChange(sink: PlainSink | undefined): Admitting {
    return this.#takeIn(this.#changeLimits, sink)
  }

  /** Takes in a request that only reads, within limits of its own. Call `answered` like for a stream. @throws {Refused} */
  admitReading(sink: PlainSink | undefined): Admitting {
    return this.#takeIn(this.#readingLimits, sink)
  }

  #takeIn(limits: ConnectionLimits, sink: PlainSink | undefined): Admitting {
    const { clock, closing } = this.runtime
    if (sink?.queued) throw new Refused(pipelined(clock.random))
    if (closing) throw new Refused(shuttingDown(clock.random))
    const admitting = new Admitting(this.runtime, limits.enter(), this.asking)
    this.#admitting.add(admitting)
    return admitting
  }

  /**
   * The step to wait for before a request is authorized: once it is done, every later order reaches this node, and so does
   * every change of a changeable stream.
   */
  listening(changeable: boolean): SharedStep | undefined {
    return this.control.ready() ?? (changeable ? this.relay?.ready() : undefined)
  }

  /**
   * Call this when the request has its answer, a stream or a refusal.
   *
   * @param unsent It keeps its place until its response is over.
   */
  answered(admitting: Admitting, unsent = false): void {
    this.#admitting.delete(admitting)
    if (!admitting.opened && !unsent) admitting.slot.release()
  }

  /** Creates a connection and adds it to its cohort. It is not open yet. */
  create(
    sink: Sink,
    channels: readonly string[],
    { context, key }: ReadAdmission,
    {
      admitting,
      filter,
      compression,
      route,
      onUncertain,
    }: {
      admitting: Admitting
      filter: ((event: WireEvent) => boolean) | undefined
      compression: Compression | undefined
      /** The options of its route; `undefined` if its channels cannot change. */
      route: Pick<EventStreamOptions, 'changeable' | 'replay' | 'snapshot'> | undefined
      onUncertain: ((connection: Connection) => void) | undefined
    },
  ): Connection {
    const cohort = this.#fanOut.cohort(channels)
    const id = `${this.#idPrefix}-${(++this.#lastId).toString(36)}`
    const { admittedPosition = 0, slot } = admitting
    const control = route?.changeable ? makeSecret() : undefined
    const options = { id, context, key, filter, compression, admittedPosition, route, control, onUncertain, slot }
    const connection = new Connection(this.runtime, this.#owner, { cohort, sink, options })
    cohort.catchingUp.add(connection)
    this.disconnects.add(connection)
    admitting.candidate = connection
    this.#joining.set(id, admitting)
    return connection
  }

  /** The subscription to wait for until every later event of the connection's channels will be in its cohort's queue. */
  subscribing({ cohort }: Connection): Step | undefined {
    return this.#fanOut.subscribing(cohort)
  }

  /** Opens a connection. It now gets events, heartbeats, presence and a lifetime. @throws {Refused} or `clientGone`. */
  open(connection: Connection, opening: Opening): void {
    const { sink } = connection
    // In the same step as the opening: a stream that is revoked in between would stay open.
    opening.admitting.check()
    if (sink.closed) throw clientGone
    const begin = () => this.#begin(connection, opening)
    try {
      if (!sink.together) begin()
      else if (!sink.together(begin)) connection.congest()
    } catch (error) {
      connection.fail(error, 'write')
    }
  }

  #begin(connection: Connection, opening: Opening): void {
    const { admitting, admission, presence, join, ordinal } = opening
    const { id: connectionId, channels, sink } = connection
    const { recovered, replayed, cursor, location, run, prologue, gaps, start } = join
    const { intervalMs: heartbeatMs } = this.#heartbeat
    sink.open(headersOf(connection, opening))
    admitting.open(connection)
    sink.relisten?.(connection)
    this.runtime.counters.opened++
    this.#joining.delete(connectionId)
    this.connections.set(connectionId, connection)
    this.#heartbeat.add(connection)
    this.presence.begin()
    this.#lifetimes.add(connection, admission.expiresAt)
    if (presence !== undefined) this.presence.join(connection, presence)
    for (const reason of gaps) this.runtime.counters.gaps[reason]++
    const { control } = connection
    const open = {
      type: 'rivulet:open',
      connectionId,
      heartbeatMs,
      recovered,
      replayed,
      location,
      run,
      control,
    } as const
    connection.write(encodeControlEvent(open, { id: cursor, retry: this.options.retryMs }) + prologue)
    diagnose(this.runtime, 'rivulet:connection:open', () => ({ connectionId, channels, recovered, replayed }))
    connection.join({ ...start, ordinal })
  }

  #onClose(connection: Connection, reason: string): void {
    const { clock, counters } = this.runtime
    const { id, cohort, connectedAt } = connection
    connection.slot.release()
    this.#joining.get(id)?.breakOff(new Refused({ status: 403 }))
    this.disconnects.remove(connection)
    this.changes.remove(connection)
    this.#joining.delete(id)
    this.#fanOut.release(cohort)
    if (!this.connections.delete(id)) return
    counters.closed++
    this.#heartbeat.remove(connection)
    this.presence.leave(connection)
    this.#lifetimes.remove(connection)
    this.#ending.add(connection)
    diagnose(this.runtime, 'rivulet:connection:close', () => ({
      connectionId: id,
      reason,
      lifetimeMs: clock.now() - connectedAt,
    }))
  }

  #onEnd(connection: Connection): void {
    this.#ending.delete(connection)
    if (this.connections.size === 0 && this.#ending.size === 0) this.#onAllEnded?.()
  }

  stats(): ManagerStats {
    let lagging = 0
    for (const { state } of this.connections.values()) if (state === 'lagging') lagging++
    const { gaps: gapsByReason, ...counters } = this.runtime.counters
    return {
      connections: this.connections.size,
      lagging,
      cohorts: this.#fanOut.cohortCount,
      pendingAdmissions: this.#admitting.size,
      ...this.#fanOut.waiting(),
      ...counters,
      gaps: Object.values(gapsByReason).reduce((sum, count) => sum + count, 0),
      gapsByReason: { ...gapsByReason },
      backplane: this.runtime.backplane.stats?.(),
    }
  }

  /** Refuses new streams and closes the open ones over the grace period. Resolves when all their responses have ended. */
  async close(graceMs: number): Promise<void> {
    const { clock } = this.runtime
    this.runtime.closing = true
    for (const admitting of this.#admitting) admitting.breakOff(new Refused(shuttingDown(clock.random)))
    const closeRest = spreadClosing(clock, this.connections.values(), { graceMs, retryMs: this.options.retryMs })
    if (this.connections.size === 0 && this.#ending.size === 0) return
    await new Promise<void>((resolve) => {
      this.#onAllEnded = resolve
      clock.setTimeout(closeRest, graceMs)
    })
  }

  /**
   * Tells the other nodes that this one leaves. Reports failures and stops waiting after a while: the other nodes notice
   * by themselves.
   */
  async leave(): Promise<void> {
    const { clock } = this.runtime
    const left = Promise.all([this.presence.close(), this.control.close(), this.relay?.close()])
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, leaveMs)
      left
        .catch((error: unknown) => this.runtime.report(error, { stage: 'backplane' }))
        .finally(() => {
          clock.clearTimeout(timer)
          resolve()
        })
    })
  }
}
