import type { Clock, EventContract } from '@rivulet/core'
import type { Backplane } from '../backplane/backplane.js'
import { MemoryRegistry } from '../backplane/memory-registry.js'
import type { Cohort } from '../delivery/cohort.js'
import { Connection } from '../delivery/connection.js'
import { FanOut } from '../delivery/fan-out.js'
import type { WireEvent } from '../delivery/frame.js'
import { type HeartbeatOptions, HeartbeatService } from '../delivery/heartbeat.js'
import { Line } from '../delivery/line.js'
import { Replays } from '../delivery/replays.js'
import { StallWatch } from '../delivery/stall-watch.js'
import { Control } from '../nodes/control.js'
import { Presence, type PresenceOptions } from '../nodes/presence.js'
import { matches, type StreamSelector } from '../nodes/stream-selector.js'
import { diagnose } from '../runtime/diagnostics.js'
import { decide } from '../runtime/guard.js'
import { type ErrorContext, type ErrorHandler, report } from '../runtime/report.js'
import type { Runtime } from '../runtime/runtime.js'
import { createCounters, type ManagerStats } from '../runtime/stats.js'
import type { Sink } from '../sinks/sink.js'
import { ConnectionLimits, type Limits, Refused, shuttingDown } from './admission.js'
import { Admitting } from './admitting.js'
import type { ReadAdmission } from './answers.js'
import { spreadClosing } from './drain.js'
import { KeyIndex } from './key-index.js'
import { at } from './lifetime.js'

export interface StreamsOptions {
  readonly contract: EventContract
  readonly backplane: Backplane
  readonly clock: Clock
  readonly source: string
  readonly name: string | undefined
  readonly heartbeat: HeartbeatOptions | false | undefined
  readonly retryMs: number
  readonly limits: Limits
  readonly callbackTimeoutMs: number
  readonly presence: PresenceOptions | undefined
  readonly onError: ErrorHandler
}

/** For how many milliseconds the backplane may take note that this node leaves. */
const leaveMs = 2_000

/** The open streams of one manager, from admission to the end of the response. */
export class Streams {
  /** Those that are open. */
  readonly connections: Map<string, Connection> = new Map()
  readonly options: StreamsOptions
  readonly engine: Runtime
  readonly fanOut: FanOut
  readonly heartbeat: HeartbeatService
  readonly limits: ConnectionLimits
  readonly control: Control
  readonly presence: Presence
  readonly #admitting = new Set<Admitting>()
  /** Those that are not open yet. */
  readonly #joining = new Map<string, Connection>()
  /** Both of them. */
  readonly #byKey = new KeyIndex()
  /** Closed connections whose responses are not over. */
  readonly #ending = new Set<Connection>()
  readonly #stopTimers = new Map<Connection, () => void>()
  /** Ids tell connections apart, also over processes; they are no secret. */
  readonly #idPrefix: string
  #lastId = 0
  #closing = false
  #onAllEnded: (() => void) | undefined

  constructor(options: StreamsOptions) {
    const { clock, backplane, limits } = options
    const counters = createCounters()
    this.#idPrefix = Math.floor(clock.random() * 36 ** 8).toString(36)
    const isClosing = () => this.#closing
    this.options = options
    this.engine = {
      clock,
      backplane,
      name: options.name ?? this.#idPrefix,
      counters,
      line: new Line(clock, (ms) => {
        counters.flushMs += ms
        counters.longestFlushMs = Math.max(counters.longestFlushMs, ms)
      }),
      replays: new Replays(),
      highWaterMarkBytes: limits.highWaterMarkBytes ?? 262_144,
      stallWatch: new StallWatch(clock, limits.stallTimeoutMs ?? 60_000, (connection) => {
        this.engine.counters.stalled++
        connection.cut('stalled')
      }),
      get closing() {
        return isClosing()
      },
      report: (error, context) => this.report(error, context),
    }
    this.fanOut = new FanOut(this.engine)
    this.heartbeat = new HeartbeatService(clock, options.heartbeat)
    this.limits = new ConnectionLimits(limits, clock.random)
    this.control = new Control(this.engine, {
      disconnect: (selector, reason, before) => void this.disconnectSelected(selector, reason, before),
      reauthorize: () => this.#reauthorize(),
    })
    this.presence = new Presence(this.engine, backplane.registry ?? new MemoryRegistry(() => clock.now()), {
      node: this.#idPrefix,
      connections: () => this.connections.size,
      options: options.presence,
    })
  }

  /** Whether `close` was called. */
  get closing(): boolean {
    return this.#closing
  }

  /** Hands an error to the application's handler. Never throws. */
  report(error: unknown, context: ErrorContext): void {
    this.engine.counters.errors++
    report(this.options.onError, error, context)
  }

  /** To be called when a request arrives, and followed by `admitted`. @throws {Refused} */
  admit(): Admitting {
    if (this.#closing) throw new Refused(shuttingDown(this.engine.clock.random))
    const admitting = new Admitting(this.engine, this.limits.enter(), this.options.callbackTimeoutMs)
    this.#admitting.add(admitting)
    return admitting
  }

  /** The request was answered. */
  admitted(admitting: Admitting): void {
    this.#admitting.delete(admitting)
  }

  /** Makes a connection that belongs to its cohort from now on. It is not open yet. */
  create(
    sink: Sink,
    cohort: Cohort,
    { context, key }: ReadAdmission,
    { admitting, filter }: { admitting: Admitting; filter: ((event: WireEvent) => boolean) | undefined },
  ): Connection {
    const id = `${this.#idPrefix}-${(++this.#lastId).toString(36)}`
    const connection = new Connection(this.engine, cohort, sink, {
      id,
      context,
      key,
      filter,
      admittedPosition: admitting.since!,
      onClose: (reason) => {
        admitting.slot.release()
        // Only one that is not open yet still waits for something.
        admitting.breakOff(new Refused({ status: 403 }))
        this.#onClose(connection, reason)
      },
      onEnd: () => this.#onEnd(connection),
    })
    cohort.catchingUp.add(connection)
    this.#byKey.add(connection)
    this.#joining.set(id, connection)
    return connection
  }

  /** Opens a connection: from here on it has heartbeats and an end. */
  start(connection: Connection, { expiresAt }: ReadAdmission): void {
    const { clock, counters } = this.engine
    const { maxLifetimeMs = Infinity } = this.options.limits
    counters.opened++
    this.#joining.delete(connection.id)
    this.connections.set(connection.id, connection)
    this.heartbeat.add(connection)
    this.presence.begin()
    const lifetimeEnd = clock.now() + maxLifetimeMs * (0.8 + 0.2 * clock.random())
    if (expiresAt === Infinity && lifetimeEnd === Infinity) return
    const reason = expiresAt < lifetimeEnd ? 'expired' : 'lifetime'
    const stop = at(clock, Math.min(expiresAt, lifetimeEnd), () => connection.close(reason, true))
    this.#stopTimers.set(connection, stop)
  }

  #onClose(connection: Connection, reason: string): void {
    const { clock, counters } = this.engine
    const { id, cohort, connectedAt } = connection
    this.#byKey.delete(connection)
    this.#joining.delete(id)
    this.fanOut.release(cohort)
    if (!this.connections.delete(id)) return
    counters.closed++
    this.heartbeat.remove(connection)
    this.presence.leave(connection)
    this.#stopTimers.get(connection)?.()
    this.#stopTimers.delete(connection)
    this.#ending.add(connection)
    diagnose(this.engine, 'rivulet:connection:close', () => ({
      connectionId: id,
      reason,
      lifetimeMs: clock.now() - connectedAt,
    }))
  }

  #onEnd(connection: Connection): void {
    this.#ending.delete(connection)
    if (this.connections.size === 0 && this.#ending.size === 0) this.#onAllEnded?.()
  }

  /** @throws what the predicate throws; nothing was disconnected then. */
  disconnect(predicate: (connection: Connection) => boolean, reason: string): number {
    const isMeant = (connection: Connection) => decide('disconnect()', () => predicate(connection))
    const all = [...this.connections.values(), ...this.#joining.values()]
    return this.#disconnect(all.filter(isMeant), isMeant, reason)
  }

  /**
   * @param before Streams that were authorized at this position or later are not concerned.
   * @returns How many there were.
   */
  disconnectSelected(selector: StreamSelector, reason: string, before: number = Infinity): number {
    const predicate = (connection: Connection) => connection.admittedPosition < before && matches(connection, selector)
    return this.#disconnect([...this.#candidates(selector)].filter(predicate), predicate, reason)
  }

  /** All that a selector can mean, and as few others as can be. */
  #candidates({ connectionId, key, channel }: StreamSelector): Iterable<Connection> {
    if (connectionId !== undefined) {
      const connection = this.connections.get(connectionId) ?? this.#joining.get(connectionId)
      return connection ? [connection] : []
    }
    if (key !== undefined) return this.#byKey.of(key)
    return channel === undefined ? [] : this.fanOut.connections(channel)
  }

  #disconnect(
    connections: readonly Connection[],
    predicate: (connection: Connection) => boolean,
    reason: string,
  ): number {
    for (const connection of connections) {
      // One that was let in a moment ago must not slip through: it is refused in place of being opened.
      if (this.#joining.has(connection.id)) connection.onClose()
      else connection.close(reason, false)
    }
    for (const { since, disconnects } of this.#admitting) if (since !== undefined) disconnects.push(predicate)
    return connections.length
  }

  #reauthorize(): void {
    for (const connection of [...this.connections.values()]) connection.close('reauthorize', true)
  }

  stats(): ManagerStats {
    let lagging = 0
    for (const { state } of this.connections.values()) if (state === 'lagging') lagging++
    const { gaps: gapsByReason, ...counters } = this.engine.counters
    return {
      connections: this.connections.size,
      lagging,
      cohorts: this.fanOut.cohortCount,
      pendingAdmissions: this.#admitting.size,
      ...this.fanOut.waiting(),
      ...counters,
      gaps: Object.values(gapsByReason).reduce((sum, count) => sum + count, 0),
      gapsByReason: { ...gapsByReason },
      backplane: this.engine.backplane.stats?.(),
    }
  }

  /** Refuses new streams, closes the open ones over the grace period, and resolves when their responses are over. */
  async close(graceMs: number): Promise<void> {
    const { clock } = this.engine
    this.#closing = true
    for (const admitting of this.#admitting) admitting.breakOff(new Refused(shuttingDown(clock.random)))
    const closeRest = spreadClosing(clock, this.connections.values(), { graceMs, retryMs: this.options.retryMs })
    if (this.connections.size === 0 && this.#ending.size === 0) return
    await new Promise<void>((resolve) => {
      this.#onAllEnded = resolve
      clock.setTimeout(closeRest, graceMs)
    })
  }

  /**
   * Tells the other nodes that this one is gone. What fails then is of no consequence: they notice by themselves. Nor is a
   * backplane waited for that does not answer.
   */
  async leave(): Promise<void> {
    const { clock } = this.engine
    const left = Promise.all([this.presence.close(), this.control.close()])
    await new Promise<void>((resolve) => {
      const timer = clock.setTimeout(resolve, leaveMs)
      left
        .catch((error: unknown) => this.report(error, { stage: 'backplane' }))
        .finally(() => {
          clock.clearTimeout(timer)
          resolve()
        })
    })
  }
}
