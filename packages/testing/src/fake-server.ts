import {
  checkPayloadKeys,
  type EndState,
  type EventContract,
  type EventDefinition,
  type EventType,
  encodeControlEvent,
  encodeMessage,
  type GapEvent,
  type MessageFields,
  type PayloadOf,
  type StandardSchemaV1,
  UnknownEventError,
  validatePayload,
} from '@rivulet/core'
import { changeChannels, channelsOf, controlOf, type FakeSubscription, gets, type KeptEvent } from './fake-channels.js'
import { FakeConnection } from './fake-connection.js'
import { historyOf } from './fake-history.js'
import { fakeJson, fakeResponse } from './fake-response.js'

export interface FakeServerOptions {
  /** The `source` of pushed events. @default 'test' */
  source?: string
  /** The `timestamp` of pushed events. @default Date.now */
  now?: () => number
  /** The heartbeat that the server announces, in milliseconds; it never sends one. 0: none. @default 0 */
  heartbeatMs?: number
  /**
   * The stream is a run: clients without a cursor get all of it, a DELETE stops it, and `finish` ends it. A POST is answered with
   * the address of its request. @default false
   */
  run?: boolean
}

export interface PushOptions {
  /** Gives the event a position, so that clients that resume get it again. @default true */
  retain?: boolean
  /** In milliseconds since the Unix epoch. @default now */
  timestamp?: number
  /** @default the server's */
  source?: string
  /**
   * The `channel` of the event. A stream whose client asks for channels (`channels`, `setChannels`) gets the events of these,
   * any other stream those of all.
   * @default 'default'
   */
  channel?: string
}

/** A client's request. */
export interface FakeRequest {
  readonly url: string
  readonly method: string
  readonly headers: Headers
  /** The position from which the client resumes; `''` if it gives none. */
  readonly lastEventId: string
  /** The body, if it is a text. */
  readonly body?: string | undefined
}

/** A member of a channel. */
export interface FakeMember {
  readonly connectionId: string
  readonly connectedAt: number
  readonly info?: unknown
}

/** The answer instead of a stream: a status, or a function that returns a response. */
export type FakeAnswer = number | ((request: FakeRequest) => Response | Promise<Response>)

/**
 * The server's side of a stream, in memory: it stores pushed events and lets clients resume, like Rivulet's server.
 *
 * The first connection also gets earlier events, so tests need not wait for it. A channel that `setChannels` adds begins with
 * all its events that are kept. A GET whose path ends with `/history` gets kept events, as from Rivulet's history route.
 */
export class FakeServer<Contract extends EventContract> {
  /** Every request, in order. */
  readonly requests: FakeRequest[] = []
  readonly #events: Contract
  readonly #options: Required<FakeServerOptions>
  readonly #streams = new Set<FakeSubscription>()
  #log: KeptEvent[] = []
  #position = 0
  /** The highest position that was forgotten. */
  #forgotten = 0
  #answer: FakeAnswer | undefined
  readonly #members = new Map<string, readonly FakeMember[]>()
  /** No stream has been opened yet. */
  #untouched = true
  /** The position of the run's end. */
  #end = Infinity

  constructor(
    events: Contract,
    { source = 'test', now = Date.now, heartbeatMs = 0, run = false }: FakeServerOptions = {},
  ) {
    this.#events = events
    this.#options = { source, now, heartbeatMs, run }
  }

  /** The number of open streams. */
  get connections(): number {
    return this.#streams.size
  }

  /**
   * Sends an event to every open stream, and keeps it for clients that resume.
   *
   * @returns Settles when the clients have called their handlers.
   * @throws {EventValidationError} (by rejecting) if the payload is invalid: the test itself is wrong.
   */
  push<Definition extends EventDefinition>(
    definition: Definition,
    payload: StandardSchemaV1.InferInput<Definition['schema']>,
    options?: PushOptions,
  ): Promise<void>
  push<Type extends EventType<Contract>>(
    type: Type,
    payload: PayloadOf<Contract, Type>,
    options?: PushOptions,
  ): Promise<void>
  async push(event: string | EventDefinition, payload: unknown, options: PushOptions = {}): Promise<void> {
    const {
      retain = true,
      timestamp = this.#options.now(),
      source = this.#options.source,
      channel = 'default',
    } = options
    const type = typeof event === 'string' ? event : event.type
    const schema = typeof event === 'string' ? this.#events[event]?.schema : event.schema
    if (!schema) throw new UnknownEventError(type, Object.keys(this.#events))
    const valid = validatePayload(type, schema, payload)
    // Awaits only promises, so that events pushed in one turn arrive in order, in one piece.
    if (valid instanceof Promise) await valid
    const own = payload as object
    checkPayloadKeys(type, own)
    const position = retain ? ++this.#position : undefined
    const frame = encodeMessage({
      id: position?.toString(36),
      event: type,
      data: JSON.stringify({ ...own, timestamp, source, channel: channel === 'default' ? undefined : channel }),
    })
    if (position !== undefined) this.#log.push({ position, channel, frame })
    await this.#write(frame, channel)
  }

  /** Sends a message unchanged, without checking the contract. */
  message(fields: MessageFields): Promise<void> {
    return this.#write(encodeMessage(fields))
  }

  /** Tells every open stream that events may be missing. */
  gap(reason: GapEvent['reason'] = 'lagged', channel?: string): Promise<void> {
    const gap = encodeControlEvent({ type: 'rivulet:gap', reason, ...(channel !== undefined && { channel }) })
    return this.#write(gap, channel)
  }

  /** Forgets all earlier events. A client that resumes before this point gets a gap. */
  forget(): void {
    this.#log = []
    this.#forgotten = this.#position
  }

  /** Breaks every open stream, like a network failure. */
  drop(): void {
    for (const { connection } of this.#streams) connection.drop()
  }

  /** Ends every open stream like a server that closes it, with a reason and the advice to reconnect or not. */
  async end(reason: string, { retry = true }: { retry?: boolean } = {}): Promise<void> {
    const streams = [...this.#streams]
    await this.#write(encodeControlEvent({ type: 'rivulet:close', reason, retry }))
    for (const { connection } of streams) connection.end()
  }

  /**
   * Ends the run for all clients, including later ones. A run ends once: further calls do nothing.
   *
   * @returns Settles when the clients have dealt with the end.
   */
  async finish(state: EndState = 'done', reason?: string): Promise<void> {
    if (this.#end !== Infinity) return
    const position = ++this.#position
    this.#end = position
    const end = { type: 'rivulet:end', state, ...(reason !== undefined && { reason }) } as const
    const frame = encodeControlEvent(end, { id: position.toString(36) })
    this.#log.push({ position, channel: 'default', frame })
    const streams = [...this.#streams]
    await this.#write(frame)
    for (const { connection } of streams) connection.end()
  }

  /** Answers all further requests with a status or a response. Call it without an argument to return to streams. */
  answer(answer?: FakeAnswer): void {
    this.#answer = answer
  }

  /**
   * Sets the members of a channel that a GET gets whose path ends with `/members`, as from Rivulet's members route. Push the event
   * that tells of changes yourself.
   */
  setMembers(members: readonly FakeMember[], channel: string = 'default'): void {
    this.#members.set(channel, members)
  }

  /** Answers one request. */
  async respond(request: FakeRequest, signal?: AbortSignal | null): Promise<Response> {
    this.requests.push(request)
    if (typeof this.#answer === 'number') return fakeResponse(this.#answer)
    if (this.#answer) return this.#answer(request)
    if (this.#options.run && request.method === 'DELETE') {
      await this.finish('stopped', 'stopped')
      return fakeResponse(200)
    }
    if (request.method === 'POST' && /\/control$/.test(new URL(request.url).pathname)) {
      return fakeResponse(changeChannels(request.body ?? '', this.#streams, this.#log, this.#position))
    }
    if (request.method === 'GET' && /\/history$/.test(new URL(request.url).pathname)) {
      return fakeJson(historyOf(request.url, this.#log, this.#forgotten > 0))
    }
    if (request.method === 'GET' && /\/members$/.test(new URL(request.url).pathname)) {
      const [channel = 'default'] = channelsOf(request.url) ?? []
      return fakeJson({ members: this.#members.get(channel) ?? [] })
    }
    if (positionOf(request) >= this.#end) return fakeResponse(204)
    const connection = new FakeConnection(signal)
    const id = `fake-${this.requests.length}`
    const stream: FakeSubscription = { connection, id, channels: channelsOf(request.url), change: 0 }
    this.#streams.add(stream)
    void connection.closed.then(() => this.#streams.delete(stream))
    void connection.write(this.#greeting(request, stream))
    if (this.#end !== Infinity) connection.end()
    return fakeResponse(200, connection)
  }

  /** The first frame, and the events that the client has missed. */
  #greeting(request: FakeRequest, stream: FakeSubscription): string {
    const { run } = this.#options
    const { lastEventId, method, url } = request
    const present = this.#untouched || run ? 0 : this.#position
    this.#untouched = false
    const cursor = lastEventId === '' ? present : positionOf(request)
    const restarted = cursor > this.#position
    const missed = restarted
      ? []
      : this.#log.filter(({ position, channel }) => position > cursor && (run || gets(stream, channel)))
    const reason = restarted ? 'restarted' : cursor < this.#forgotten ? 'trimmed' : undefined
    const resumes = lastEventId !== ''
    const open = encodeControlEvent(
      {
        type: 'rivulet:open',
        connectionId: stream.id,
        heartbeatMs: this.#options.heartbeatMs,
        recovered: resumes ? reason === undefined : null,
        replayed: missed.length,
        ...(!run && { control: controlOf(stream.id) }),
        ...(run && { run, ...(method === 'POST' && { location: url }) }),
      },
      resumes ? {} : { id: cursor.toString(36) },
    )
    const gap = (resumes || run) && reason ? encodeControlEvent({ type: 'rivulet:gap', reason }) : ''
    const live = run && this.#end === Infinity ? encodeControlEvent({ type: 'rivulet:live' }) : ''
    return open + gap + missed.map(({ frame }) => frame).join('') + live
  }

  /** Writes to the streams of a channel, or to all. */
  async #write(text: string, channel?: string): Promise<void> {
    const streams = [...this.#streams].filter((stream) => this.#options.run || gets(stream, channel))
    await Promise.all(streams.map(({ connection }) => connection.write(text)))
  }
}

function positionOf({ lastEventId }: FakeRequest): number {
  return Number.parseInt(lastEventId, 36)
}
