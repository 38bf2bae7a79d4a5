import type { Clock, EventContract, EventDefinition, EventType, PayloadOf } from '@rivulet/core'
import type { Backplane, PublishTransaction } from './backplane/backplane.js'
import { MemoryBackplane } from './backplane/memory-backplane.js'
import { formatPosition } from './backplane/position.js'
import type { NodeInfo } from './backplane/registry.js'
import type { Retention } from './backplane/retention.js'
import type { HeartbeatOptions } from './delivery/heartbeat.js'
import { createMessage, nameOf } from './delivery/message.js'
import type { CoalescingOptions } from './delivery/pace.js'
import type { PresenceOptions } from './nodes/presence.js'
import type { PresenceMember } from './nodes/presence-notices.js'
import { checkSelector, type StreamSelector } from './nodes/stream-selector.js'
import { checkChannel, checkSource, type PublishEventOptions, readPublishOptions } from './publish-options.js'
import { backgroundClock, bindClock } from './runtime/clock.js'
import type { ConnectionInfo } from './runtime/connection-info.js'
import { diagnose } from './runtime/diagnostics.js'
import { ConfigurationError, ManagerClosedError, TransactionUnsupportedError } from './runtime/errors.js'
import { tell } from './runtime/guard.js'
import { type ErrorHandler, reportToConsole } from './runtime/report.js'
import type { ManagerStats } from './runtime/stats.js'
import type { Sink } from './sinks/sink.js'
import type { Limits } from './streams/admission.js'
import {
  answerMembers,
  type ChannelMembersAnswer,
  type ChannelMembersOptions,
  type ChannelMembersRequest,
} from './streams/channel-members.js'
import {
  answerHistory,
  type EventHistoryAnswer,
  type EventHistoryOptions,
  type EventHistoryRequest,
} from './streams/event-history.js'
import { receive, type StreamRequest } from './streams/reception.js'
import { answerControl, type StreamControlAnswer, type StreamControlRequest } from './streams/stream-control.js'
import type { EventStreamOptions } from './streams/stream-options.js'
import { Streams } from './streams/streams.js'

export interface EventManagerOptions<Contract extends EventContract, Context = unknown> {
  /** The contract from `defineEvents`. */
  events: Contract
  /** Identifies this manager in messages to `node:diagnostics_channel`. @default Its id in `nodes()` */
  name?: string
  /** The publisher's name, sent as the `source` of every event. @default 'server' */
  source?: string
  /** Keeps events and passes them on to other nodes. Close it yourself. @default new MemoryBackplane({ retention }) */
  backplane?: Backplane
  /**
   * The events that each channel keeps. Not allowed with a `backplane`, which has its own option.
   *
   * @default { maxEvents: 1000, maxBytes: 8_388_608, maxAgeMs: 3_600_000 }
   */
  retention?: Retention | ((channel: string) => Retention)
  /** `false` sends no heartbeats. Proxies then cut silent streams, and clients cannot detect a dead connection. */
  heartbeat?: HeartbeatOptions | false
  /** Minimum time before a client reconnects, in milliseconds. @default 2000 */
  retryMs?: number
  limits?: Limits
  /**
   * Gathers events for a few milliseconds, so that one write carries several of them. `true` takes the defaults. Saves CPU where
   * many clients get many events, and delays each event by `maxDelayMs` at most. By default all events of one turn of the event
   * loop share a write, and none waits longer. @default false
   */
  coalescing?: CoalescingOptions | boolean
  /**
   * Time limit of each `authorize`, `channels`, `snapshot` and `presence` callback, of each step of the backplane while a
   * stream is admitted, and of the body of a change of channels, in milliseconds. A request that must wait longer is refused.
   * @default 10_000
   */
  callbackTimeoutMs?: number
  /** Applies to streams whose routes have a `presence` callback. */
  presence?: PresenceOptions
  /** Receives errors that occur in the background. @default Writes them to `console.error` */
  onError?: ErrorHandler<Context>
  /** Replaces time, randomness and scheduling in tests. */
  clock?: Clock
}

/** The result of a publish. */
export interface Published {
  /** The event's id; `undefined` if it is not kept, or if it is published with a `transaction`. */
  readonly id: string | undefined
  readonly channel: string
  /** The idempotency key was seen before: nothing was sent, and `id` is that of the first publish. */
  readonly duplicate: boolean
}

/** One channel of a manager. Its methods are those of the manager, without the channel's name. */
export interface ManagerChannel<Contract extends EventContract> {
  readonly name: string
  forget(): Promise<void>
  publish<Type extends EventType<Contract>>(
    event: Type | EventDefinition<Type>,
    payload: PayloadOf<Contract, Type>,
    options?: Omit<PublishEventOptions, 'channel'>,
  ): Promise<Published>
  emit<Type extends EventType<Contract>>(
    event: Type | EventDefinition<Type>,
    payload: PayloadOf<Contract, Type>,
    options?: Omit<PublishEventOptions, 'channel'>,
  ): void
}

type SelectConnection = (connection: ConnectionInfo) => boolean

/** Returns the streams of a manager, for code in this package that builds on it. */
export let streamsOf: <Contract extends EventContract, Context>(manager: EventManager<Contract, Context>) => Streams

/**
 * Publishes the events of a contract to any number of open streams.
 *
 * `Context` is what `authorize` of every route returns as the `context`. Name it to read it in `connections`, `disconnect`
 * and `onError`: `new EventManager<typeof events, User>({ events })`.
 *
 * Code that publishes the events of one contract takes an `EventManager` of that contract. It also gets one that has more
 * events, from `mergeContracts`.
 *
 * @example
 * const manager = new EventManager({ events })
 * app.get('/events', eventStream(manager))
 * await manager.publish('log', { level: 'info', message: 'Hello' })
 */
export class EventManager<Contract extends EventContract, Context = unknown> {
  static {
    streamsOf = (manager) => manager.#streams
  }

  /** The contract of its events. */
  readonly events: Contract
  readonly #source: string
  readonly #backplane: Backplane
  readonly #ownsBackplane: boolean
  readonly #streams: Streams
  readonly #clock: Clock
  #closed: Promise<void> | undefined
  #publishing = true

  /** @throws {ConfigurationError} if an option has an invalid value. */
  constructor(options: EventManagerOptions<Contract, Context>) {
    const { events, source = 'server', retention, backplane } = options
    const clock = options.clock ? bindClock(options.clock) : backgroundClock
    if (backplane && retention !== undefined) {
      throw new ConfigurationError('retention', retention, 'Pass retention to the backplane instead.')
    }
    checkNumbers(options)
    checkSource(source)
    this.events = events
    this.#source = source
    this.#clock = clock
    this.#ownsBackplane = !backplane
    this.#backplane = backplane ?? new MemoryBackplane({ retention, clock })
    this.#streams = new Streams({
      contract: events,
      backplane: this.#backplane,
      alone: this.#ownsBackplane,
      clock,
      source,
      name: options.name,
      heartbeat: options.heartbeat,
      retryMs: options.retryMs ?? 2000,
      limits: options.limits ?? {},
      coalescing: options.coalescing,
      callbackTimeoutMs: options.callbackTimeoutMs ?? 10_000,
      presence: options.presence,
      onError: (options.onError as ErrorHandler | undefined) ?? reportToConsole,
    })
  }

  /** The open streams of this process, by `connectionId`. */
  get connections(): ReadonlyMap<string, ConnectionInfo<Context>> {
    return this.#streams.connections as ReadonlyMap<string, ConnectionInfo> as ReadonlyMap<
      string,
      ConnectionInfo<Context>
    >
  }

  /**
   * Validates an event, keeps it, and sends it to every stream that has its channel, on every node. Resolves when the event
   * is kept. It is written to the connections after the current turn of the event loop.
   *
   * Events arrive in the order of the calls. With an asynchronous schema, await each call.
   *
   * @param event The event's name, or its definition in the contract.
   * @throws {UnknownEventError} {EventValidationError} {ReservedKeyError} {EventSerializationError} {ManagerClosedError}
   *   {TransactionUnsupportedError} {ConfigurationError} (an option is invalid, or the channel begins with `rivulet:`): nothing
   *   was sent. Or the error of the backplane: the event may have been stored nevertheless.
   */
  async publish<Type extends EventType<Contract>>(
    event: Type | EventDefinition<Type>,
    payload: PayloadOf<Contract, Type>,
    options: PublishEventOptions = {},
  ): Promise<Published> {
    if (!this.#publishing) throw new ManagerClosedError()
    const defaults = { timestamp: this.#clock.now(), source: this.#source }
    const { channel, retain, idempotencyKey, transaction, stamp } = readPublishOptions(options, defaults)
    if (transaction && this.#backplane.transactional !== true) throw new TransactionUnsupportedError()
    const made = createMessage(this.events, event, payload, stamp)
    const message = made instanceof Promise ? await made : made
    const stored = this.#backplane.publish(channel, message, { retain, idempotencyKey, transaction })
    const { position, duplicate } = stored instanceof Promise ? await stored : stored
    const id = position === undefined ? undefined : formatPosition(position)
    if (!duplicate) this.#streams.runtime.counters.published++
    diagnose(this.#streams.runtime, 'rivulet:publish', () => ({ channel, type: message.type, id, duplicate }))
    return { id, channel, duplicate }
  }

  /** Publishes without a promise: never throws, and passes errors to `onError`. */
  emit<Type extends EventType<Contract>>(
    event: Type | EventDefinition<Type>,
    payload: PayloadOf<Contract, Type>,
    options: PublishEventOptions = {},
  ): void {
    let channel: unknown
    tell(
      () => {
        channel = options.channel ?? 'default'
        return this.publish(event, payload, options)
      },
      (error) => this.#reportEmit(error, event, channel),
    )
  }

  #reportEmit(error: unknown, event: unknown, channel: unknown): void {
    const name = typeof channel === 'string' ? channel : undefined
    this.#streams.runtime.report(error, { stage: 'emit', channel: name, type: nameOf(event) })
  }

  /** Returns a channel by its name. This costs nothing: a channel exists only once it is published to. */
  channel(name: string): ManagerChannel<Contract> {
    return {
      name,
      publish: (event, payload, options) => this.publish(event, payload, { ...options, channel: name }),
      emit: (event, payload, options) =>
        tell(
          () => this.publish(event, payload, { ...options, channel: name }),
          (error) => this.#reportEmit(error, event, name),
        ),
      forget: () => this.forget(name),
    }
  }

  /**
   * Reads the present cursor: an id that separates the events published until now from all later ones. Read it before the state
   * that it belongs to, and give both to a page: a stream that begins there (`lastEventId`) brings every change that the state
   * lacks. The state may already have some of those changes, unless both are read in one
   * `REPEATABLE READ` transaction of a transactional backplane.
   *
   * In a transaction, it is the id of the last event on any channel, so it reveals when that was published.
   *
   * @throws {TransactionUnsupportedError} {ManagerClosedError} or the error of the backplane.
   * @example
   * const cursor = await manager.cursor()
   * const todos = await database.todos()
   */
  async cursor({ transaction }: { transaction?: PublishTransaction | undefined } = {}): Promise<string> {
    if (!this.#publishing) throw new ManagerClosedError()
    const backplane = this.#backplane
    if (!transaction) {
      const { clock, storedPosition } = await backplane.read('default', 0, 0)
      return formatPosition(Math.max(clock, storedPosition))
    }
    if (!backplane.storedPosition) throw new TransactionUnsupportedError()
    return formatPosition(await backplane.storedPosition(transaction))
  }

  /**
   * Drops the kept events of a channel that is no longer needed, or whose events must not be kept. Open streams continue. A
   * client that resumes from an earlier position is told of a gap (`trimmed`). Other nodes may hold encoded copies in memory
   * until newer events replace them, but send them to nobody.
   *
   * @throws {ConfigurationError} if the channel begins with `rivulet:`; {ManagerClosedError}; or the error of the backplane.
   */
  async forget(channel: string): Promise<void> {
    if (!this.#publishing) throw new ManagerClosedError()
    checkChannel(channel)
    await this.#backplane.forget(channel)
    this.#streams.runtime.replays.forget(channel)
    this.#streams.joins.clear()
  }

  /**
   * Ends the matching streams of this process, for example when a credential was revoked or a user removed, and tells their
   * clients not to reconnect. Events that have reached this process are written first; later ones are not. A lagging stream
   * ends at its position.
   *
   * @param which A selector, which is looked up in an index, or a function that is called for each open stream. The function
   *   must return true or false synchronously. It may be called again for streams that are being opened.
   * @returns The number of streams that were ended.
   * @throws {ConfigurationError} if the selector is empty, a value of it or the reason is not a string, or the function
   *   returns anything else; and whatever the function throws. Nothing was disconnected in these cases.
   * @example
   * manager.disconnect({ key: user.id }, 'signed out')
   */
  disconnect(which: StreamSelector | ((connection: ConnectionInfo<Context>) => boolean), reason: string): number {
    checkReason(reason)
    if (typeof which === 'function') return this.#streams.disconnects.matching(which as SelectConnection, reason)
    checkSelector(which)
    return this.#streams.disconnects.selected(which, reason)
  }

  /**
   * Ends the matching streams on every node. Resolves when the disconnect is stored. Each node carries it out when it
   * arrives; a node that is cut off does so when it reconnects. A node that may have missed one makes all its clients
   * reconnect, to be authorized again. Streams that are authorized afterwards stay open: make `authorize` refuse them first.
   *
   * @param selector Selects the streams that match all of its properties.
   * @throws {ConfigurationError} if the selector is empty, or a value of it or the reason is not a string.
   * @throws {ManagerClosedError} or the error of the backplane. The disconnect may have been stored nevertheless; calling
   *   again is safe.
   * @example
   * await manager.disconnectEverywhere({ key: user.id }, 'signed out')
   */
  async disconnectEverywhere(selector: StreamSelector, reason: string): Promise<void> {
    if (!this.#publishing) throw new ManagerClosedError()
    checkSelector(selector)
    checkReason(reason)
    await this.#streams.control.send({ type: 'disconnect', selector, reason })
  }

  /**
   * Adds a channel to the matching streams, on every node. Resolves when the order is stored; each stream then gets the
   * channel's `replay` or `snapshot`, and its events. Streams of runs stay as they are.
   *
   * A stream has the channel for as long as its connection lasts, and not on the next one. Store the membership first, so
   * that the route's `channels` returns the channel from then on: streams that are authorized after the call are left alone.
   *
   * @param selector Selects the streams that match all of its properties.
   * @throws {ConfigurationError} if the selector is empty, a value of it is not a string, or the channel has no valid name.
   * @throws {ManagerClosedError} or the error of the backplane. The order may have been stored nevertheless; calling again is
   *   safe.
   * @example
   * await database.addMember('room:7', user.id)
   * await manager.join({ key: user.id }, 'room:7')
   */
  async join(selector: StreamSelector, channel: string): Promise<void> {
    await this.#move('join', selector, channel)
  }

  /**
   * Takes a channel away from the matching streams, on every node. Resolves when the order is stored. A stream gets nothing
   * more of the channel from when its node learns of it. A stream whose last channel it was ends, and its client reconnects.
   *
   * Remove the membership first, so that the route's `channels` does not return the channel to a client that reconnects.
   *
   * @param selector Selects the streams that match all of its properties.
   * @throws As `join`.
   * @example
   * await database.removeMember('room:7', user.id)
   * await manager.leave({ key: user.id }, 'room:7')
   */
  async leave(selector: StreamSelector, channel: string): Promise<void> {
    await this.#move('leave', selector, channel)
  }

  async #move(type: 'join' | 'leave', selector: StreamSelector, channel: string): Promise<void> {
    if (!this.#publishing) throw new ManagerClosedError()
    checkSelector(selector)
    checkChannel(channel)
    await this.#streams.control.send({ type, selector, channel })
  }

  /**
   * Lists the streams on a channel, on every node, whose route has a `presence` callback. One user may have several. A stream
   * appears soon after it opened and disappears soon after it ended, or `presence.nodeTimeoutMs` after its node died.
   *
   * @throws The error of the backplane.
   */
  presence(channel: string): Promise<PresenceMember[]> {
    return this.#streams.presence.members(channel)
  }

  /**
   * Counts the members of `presence(channel)` without reading them.
   *
   * @throws The error of the backplane.
   */
  presenceCount(channel: string): Promise<number> {
    return this.#streams.presence.count(channel)
  }

  /**
   * Lists the live nodes that have had streams, each with its number of open streams as of its last heartbeat, which it sends
   * every third of `presence.nodeTimeoutMs`. For the exact number on this node, see `stats()`.
   *
   * @throws The error of the backplane.
   */
  nodes(): Promise<readonly NodeInfo[]> {
    return this.#streams.presence.nodes()
  }

  stats(): ManagerStats {
    return this.#streams.stats()
  }

  /**
   * Shuts down. Refuses new streams at once (503), closes the open ones one by one over the grace period, and tells each
   * client to reconnect at a different time. Publishing continues until all streams are closed, and is refused afterwards.
   *
   * Resolves when every response has ended: at most two seconds after the grace period, whatever the clients do, or four if
   * the backplane does not answer. At most two seconds after that, none of their connections holds up `server.close()`. An
   * HTTP/2 session with other responses stays open until they end. Further calls return the same promise.
   *
   * @throws {ConfigurationError} if `graceMs` is not such a number. Nothing is closed in this case.
   */
  close({
    graceMs = 0,
  }: {
    /** The grace period in milliseconds, 0 or more. @default 0 */
    graceMs?: number
  } = {}): Promise<void> {
    if (typeof graceMs !== 'number' || !(graceMs >= 0 && graceMs < Infinity)) {
      throw new ConfigurationError('graceMs', graceMs, 'Pass a number of milliseconds, 0 or more.')
    }
    this.#closed ??= this.#streams.close(graceMs).then(async () => {
      this.#publishing = false
      await this.#streams.leave()
      if (this.#ownsBackplane) await this.#backplane.close()
    })
    return this.#closed
  }

  /**
   * Answers a request with a stream through a sink. The entries `./node` and `./web` call this. Call it yourself for other
   * HTTP implementations. Resolves when the stream is open or refused; never rejects.
   */
  connect<
    Request,
    StreamContext extends Context | undefined = undefined,
    StreamContract extends EventContract = Contract,
  >(
    request: StreamRequest<Request>,
    sink: Sink,
    options: EventStreamOptions<Request, StreamContext, StreamContract> = {},
  ): Promise<void> {
    return receive(this.#streams, request, sink, options as unknown as EventStreamOptions<Request, StreamContext>)
  }

  /**
   * Answers a request to change the channels of an open stream, for a route beside the stream's, with the same options. The
   * entries `./node` and `./web` call this. Call it yourself for other HTTP implementations. Never rejects.
   */
  answerControl<
    Request,
    StreamContext extends Context | undefined = undefined,
    StreamContract extends EventContract = Contract,
  >(
    request: StreamControlRequest<Request>,
    options: EventStreamOptions<Request, StreamContext, StreamContract> = {},
  ): Promise<StreamControlAnswer> {
    return answerControl(this.#streams, request, options as unknown as EventStreamOptions<Request, StreamContext>)
  }

  /**
   * Answers a request for kept events, for a route beside the stream's, with the same options. The entries `./node` and `./web`
   * call this. Call it yourself for other HTTP implementations. Never rejects.
   */
  answerHistory<
    Request,
    StreamContext extends Context | undefined = undefined,
    StreamContract extends EventContract = Contract,
  >(
    request: EventHistoryRequest<Request>,
    options: EventHistoryOptions<Request, StreamContext, StreamContract> = {},
  ): Promise<EventHistoryAnswer> {
    return answerHistory(this.#streams, request, options as unknown as EventHistoryOptions<Request, StreamContext>)
  }

  /**
   * Answers a request for the members of a channel, for a route beside the stream's, with the same options. The entries `./node`
   * and `./web` call this. Call it yourself for other HTTP implementations. Never rejects.
   */
  answerMembers<
    Request,
    StreamContext extends Context | undefined = undefined,
    StreamContract extends EventContract = Contract,
  >(
    request: ChannelMembersRequest<Request>,
    options: ChannelMembersOptions<Request, StreamContext, StreamContract> = {},
  ): Promise<ChannelMembersAnswer> {
    return answerMembers(this.#streams, request, options as unknown as ChannelMembersOptions<Request, StreamContext>)
  }
}

/** Rejects invalid numbers here, because they would fail only later, for each connection. */
function checkNumbers({
  retryMs = 0,
  limits = {},
  callbackTimeoutMs = 10_000,
}: Pick<EventManagerOptions<EventContract>, 'retryMs' | 'limits' | 'callbackTimeoutMs'>): void {
  if (!Number.isSafeInteger(retryMs) || retryMs < 0) {
    throw new ConfigurationError('retryMs', retryMs, 'Pass an integer number of milliseconds, 0 or more.')
  }
  if (!(callbackTimeoutMs > 0)) {
    throw new ConfigurationError('callbackTimeoutMs', callbackTimeoutMs, 'Pass a number above 0, or omit it.')
  }
  for (const [name, value] of Object.entries(limits)) {
    if (!(value > 0)) throw new ConfigurationError(`limits.${name}`, value, 'Pass a number above 0, or omit it.')
  }
}

function checkReason(reason: unknown): void {
  if (typeof reason !== 'string')
    throw new ConfigurationError('reason', reason, 'Pass a string: it is sent to the client.')
}
