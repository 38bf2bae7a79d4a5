import type { Clock, EventContract, EventDefinition, EventType, PayloadOf } from '@rivulet/core'
import type { Backplane } from './backplane/backplane.js'
import { MemoryBackplane } from './backplane/memory-backplane.js'
import { formatPosition } from './backplane/position.js'
import type { NodeInfo } from './backplane/registry.js'
import type { Retention } from './backplane/retention.js'
import type { HeartbeatOptions } from './delivery/heartbeat.js'
import { createMessage, nameOf } from './delivery/message.js'
import type { PresenceOptions } from './nodes/presence.js'
import type { PresenceMember } from './nodes/presence-notices.js'
import { checkSelector, type StreamSelector } from './nodes/stream-selector.js'
import { checkChannel, checkSource, type PublishEventOptions, readPublishOptions } from './publish-options.js'
import { backgroundClock, bindClock } from './runtime/clock.js'
import type { ConnectionInfo } from './runtime/connection-info.js'
import { diagnose } from './runtime/diagnostics.js'
import { ConfigurationError, ManagerClosedError } from './runtime/errors.js'
import { tell } from './runtime/guard.js'
import { type ErrorHandler, reportToConsole } from './runtime/report.js'
import type { ManagerStats } from './runtime/stats.js'
import type { Sink } from './sinks/sink.js'
import type { Limits } from './streams/admission.js'
import { receive, type StreamRequest } from './streams/reception.js'
import type { EventStreamOptions } from './streams/stream-options.js'
import { Streams } from './streams/streams.js'

export interface EventManagerOptions<Contract extends EventContract> {
  /** The contract that `defineEvents` made. */
  events: Contract
  /** Tells this manager from others of the process in what `node:diagnostics_channel` gets. @default Its id in `nodes()` */
  name?: string
  /** Who publishes: the `source` of every event. @default 'server' */
  source?: string
  /** Where events are kept and passed on. A backplane given here is yours to close. @default new MemoryBackplane({ retention }) */
  backplane?: Backplane
  /** What each channel keeps; only without a `backplane`, which has its own. @default { maxEvents: 1000, maxBytes: 8_388_608, maxAgeMs: 3_600_000 } */
  retention?: Retention | ((channel: string) => Retention)
  /** `false`: none; silent streams are then cut by proxies, and clients cannot tell a dead connection. */
  heartbeat?: HeartbeatOptions | false
  /** After how many milliseconds clients come back, at the earliest. @default 2000 */
  retryMs?: number
  limits?: Limits
  /**
   * After how many milliseconds a request is refused whose `authorize`, `channels`, `snapshot` or `presence` has not
   * answered. Each of them has so long. @default 10_000
   */
  callbackTimeoutMs?: number
  /** For the streams whose routes have a `presence` function. */
  presence?: PresenceOptions
  /** Takes what fails in the background. @default Writes it to `console.error` */
  onError?: ErrorHandler
  /** Time, chance and scheduling; a seam for tests. */
  clock?: Clock
}

/** What became of a published event. */
export interface Published {
  /** The event's id; `undefined` for one that is not kept. */
  readonly id: string | undefined
  readonly channel: string
  /** Whether the idempotency key was seen before: this is then the first publish's id, and nothing was sent. */
  readonly duplicate: boolean
}

/** One channel of a manager, with the channel's name left out of every call. */
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

/** The streams of a manager, for what is built on it in this package. */
export let streamsOf: <Contract extends EventContract>(manager: EventManager<Contract>) => Streams

/**
 * Publishes the events of a contract to any number of open streams.
 *
 * @example
 * const manager = new EventManager({ events })
 * app.get('/events', eventStream(manager))
 * await manager.publish('log', { level: 'info', message: 'Hello' })
 */
export class EventManager<Contract extends EventContract> {
  static {
    streamsOf = (manager) => manager.#streams
  }

  readonly #contract: Contract
  readonly #source: string
  readonly #backplane: Backplane
  readonly #ownsBackplane: boolean
  readonly #streams: Streams
  readonly #clock: Clock
  #closed: Promise<void> | undefined
  #publishing = true

  /** @throws {ConfigurationError} when an option has a value that makes no sense. */
  constructor(options: EventManagerOptions<Contract>) {
    const { events, source = 'server', retention, backplane } = options
    const clock = options.clock ? bindClock(options.clock) : backgroundClock
    if (backplane && retention !== undefined) {
      throw new ConfigurationError('retention', retention, 'Beside a backplane, give it to the backplane itself.')
    }
    checkNumbers(options)
    checkSource(source)
    this.#contract = events
    this.#source = source
    this.#clock = clock
    this.#ownsBackplane = !backplane
    this.#backplane = backplane ?? new MemoryBackplane({ retention, clock })
    this.#streams = new Streams({
      contract: events,
      backplane: this.#backplane,
      clock,
      source,
      name: options.name,
      heartbeat: options.heartbeat,
      retryMs: options.retryMs ?? 2000,
      limits: options.limits ?? {},
      callbackTimeoutMs: options.callbackTimeoutMs ?? 10_000,
      presence: options.presence,
      onError: options.onError ?? reportToConsole,
    })
  }

  /** The open streams of this process, by `connectionId`. */
  get connections(): ReadonlyMap<string, ConnectionInfo> {
    return this.#streams.connections
  }

  /**
   * Validates an event, keeps it and sends it to everyone who has its channel, on every node. Resolves when it is kept;
   * it is written to the connections after the current turn of the event loop.
   *
   * Events published one after the other arrive in that order. (With an asynchronous schema, await each one.)
   *
   * @param event The event's name, or its definition in the contract.
   * @throws {UnknownEventError} {EventValidationError} {ReservedKeyError} {EventSerializationError} {ManagerClosedError}
   *   {ConfigurationError} (an option makes no sense, or the channel begins with `rivulet:`), or what the backplane rejects
   *   with; nothing was sent then.
   */
  async publish<Type extends EventType<Contract>>(
    event: Type | EventDefinition<Type>,
    payload: PayloadOf<Contract, Type>,
    options: PublishEventOptions = {},
  ): Promise<Published> {
    if (!this.#publishing) throw new ManagerClosedError()
    const defaults = { timestamp: this.#clock.now(), source: this.#source }
    const { channel, retain, idempotencyKey, stamp } = readPublishOptions(options, defaults)
    const made = createMessage(this.#contract, event, payload, stamp)
    const message = made instanceof Promise ? await made : made
    const stored = this.#backplane.publish(channel, message, { retain, idempotencyKey })
    const { position, duplicate } = stored instanceof Promise ? await stored : stored
    const id = position === undefined ? undefined : formatPosition(position)
    if (!duplicate) this.#streams.runtime.counters.published++
    diagnose(this.#streams.runtime, 'rivulet:publish', () => ({ channel, type: message.type, id, duplicate }))
    return { id, channel, duplicate }
  }

  /** `publish` for where nobody waits: never throws, and what fails goes to `onError`. */
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

  /** A channel by its name. It takes no room: channels are not created, only published to. */
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
   * Drops the events that a channel keeps: what it was about is over, or must not be kept. Streams that are open go on; who
   * resumes from before is told of a gap (`trimmed`). Other nodes may have encoded copies in memory until newer events
   * take their place; nobody is given them.
   *
   * @throws {ConfigurationError} when the channel begins with `rivulet:`; {ManagerClosedError}, or what the backplane
   *   rejects with.
   */
  async forget(channel: string): Promise<void> {
    if (!this.#publishing) throw new ManagerClosedError()
    checkChannel(channel)
    await this.#backplane.forget(channel)
    this.#streams.runtime.replays.forget(channel)
  }

  /**
   * Ends the streams of this process that match: a credential was revoked, a user removed, or nothing more will come. They
   * are told not to come back. Events that had reached this process before are written first, later ones are not; a
   * stream that lags behind is ended where it is.
   *
   * @param which A selector, whose streams are found at once, or a function that is asked for each open stream. It answers at
   *   once, with true or false, and may be asked again for a stream that is being let in.
   * @returns How many there were.
   * @throws {ConfigurationError} when the selector is empty, one of its values or the reason is no text, or the function
   *   answers with anything else; and what the function throws. Nothing was disconnected then.
   * @example
   * manager.disconnect({ key: user.id }, 'signed out')
   */
  disconnect(which: StreamSelector | ((connection: ConnectionInfo) => boolean), reason: string): number {
    checkReason(reason)
    if (typeof which === 'function') return this.#streams.disconnect(which, reason)
    checkSelector(which)
    return this.#streams.disconnectSelected(which, reason)
  }

  /**
   * `disconnect` on every node. Resolves when it is stored: each node carries it out as soon as it hears of it, one that
   * is cut off as soon as it is back. A node that cannot tell what it missed has all its clients come back, to be
   * authorized anew. Streams that are authorized afterwards are not concerned: have `authorize` refuse them first.
   *
   * @param selector Which streams: those for which all that is given holds.
   * @throws {ConfigurationError} when the selector is empty, or one of its values or the reason is no text.
   * @throws {ManagerClosedError} or what the backplane rejects with; it may have been stored all the same, and calling
   *   again is safe.
   * @example
   * await manager.disconnectEverywhere({ key: user.id }, 'signed out')
   */
  async disconnectEverywhere(selector: StreamSelector, reason: string): Promise<void> {
    if (!this.#publishing) throw new ManagerClosedError()
    checkSelector(selector)
    checkReason(reason)
    await this.#streams.control.disconnect(selector, reason)
  }

  /**
   * Who is on a channel, on every node: the streams whose route has a `presence` function. One user may have several. A
   * stream is shown soon after it opened, and no longer soon after it ended; where its node died,
   * `presence.nodeTimeoutMs` later.
   *
   * @throws What the backplane rejects with.
   */
  presence(channel: string): Promise<PresenceMember[]> {
    return this.#streams.presence.members(channel)
  }

  /**
   * How many there are, without reading who: what `presence(channel)` would give, by its length.
   *
   * @throws What the backplane rejects with.
   */
  presenceCount(channel: string): Promise<number> {
    return this.#streams.presence.count(channel)
  }

  /**
   * The nodes that have had streams and live, with how many they have open: each says so every third of
   * `presence.nodeTimeoutMs`. `stats()` tells of this node alone, and exactly.
   *
   * @throws What the backplane rejects with.
   */
  nodes(): Promise<readonly NodeInfo[]> {
    return this.#streams.presence.nodes()
  }

  stats(): ManagerStats {
    return this.#streams.stats()
  }

  /**
   * Shuts down: refuses new streams at once (503), closes the open ones one by one over the grace period and tells each
   * to come back at a time of its own. Until then publishing goes on; afterwards it is refused.
   *
   * Resolves when every response is over, at most two seconds after the grace period, whatever the clients do, and at most
   * two more where the backplane does not answer. Two
   * seconds later at the latest no connection that had one of them holds up `server.close()`; an HTTP/2 session with
   * other responses goes on until they are over. Calling it again returns the same promise.
   *
   * @param options.graceMs In milliseconds, 0 or more. @default 0
   * @throws {ConfigurationError} when `graceMs` is no such number; nothing is closed then.
   */
  close({ graceMs = 0 }: { graceMs?: number } = {}): Promise<void> {
    if (typeof graceMs !== 'number' || !(graceMs >= 0 && graceMs < Infinity)) {
      throw new ConfigurationError('graceMs', graceMs, 'Give a number of milliseconds, 0 or more.')
    }
    this.#closed ??= this.#streams.close(graceMs).then(async () => {
      this.#publishing = false
      await this.#streams.leave()
      if (this.#ownsBackplane) await this.#backplane.close()
    })
    return this.#closed
  }

  /**
   * Answers a request with a stream, by any sink. The entries `./node` and `./web` call this; call it yourself for an
   * HTTP implementation that they do not know. Resolves when the stream is open or refused; never rejects.
   */
  connect<Request, Context>(
    request: StreamRequest<Request>,
    sink: Sink,
    options: EventStreamOptions<Request, Context, Contract> = {},
  ): Promise<void> {
    return receive(this.#streams, request, sink, options as unknown as EventStreamOptions<Request, Context>)
  }
}

/** Refuses a number that would only fail later, for each connection. */
function checkNumbers({
  retryMs = 0,
  limits = {},
  callbackTimeoutMs = 10_000,
}: Pick<EventManagerOptions<EventContract>, 'retryMs' | 'limits' | 'callbackTimeoutMs'>): void {
  if (!Number.isSafeInteger(retryMs) || retryMs < 0) {
    throw new ConfigurationError('retryMs', retryMs, 'Give a whole number of milliseconds, 0 or more.')
  }
  if (!(callbackTimeoutMs > 0)) {
    throw new ConfigurationError('callbackTimeoutMs', callbackTimeoutMs, 'Give a number above 0, or leave it out.')
  }
  for (const [name, value] of Object.entries(limits)) {
    if (!(value > 0)) throw new ConfigurationError(`limits.${name}`, value, 'Give a number above 0, or leave it out.')
  }
}

function checkReason(reason: unknown): void {
  if (typeof reason !== 'string') throw new ConfigurationError('reason', reason, 'Give a text: the client is told.')
}
