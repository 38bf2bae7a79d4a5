import type { Clock } from '@rivulet/core'
import {
  type ContractOf,
  createDecoder,
  defineEvents,
  type GapReason,
  parseControlEvent,
  type StandardSchemaV1,
} from '@rivulet/core'
import { z } from 'zod'
import type {
  Backplane,
  BackplaneMessage,
  BackplaneSubscriber,
  PublishOptions,
  PublishResult,
  ReadResult,
} from '../src/backplane/backplane.js'
import { MemoryBackplane } from '../src/backplane/memory-backplane.js'
import { sharedDeflate } from '../src/deflate.js'
import type { Compression } from '../src/delivery/compression.js'
import { EventManager } from '../src/event-manager.js'
import type { Payload } from '../src/sinks/payload.js'
import type { Refusal, Sink, SinkListener } from '../src/sinks/sink.js'
import { Inflater, Taken } from './inflate.js'

/** A clock whose time and turns pass apart from each other, so that timers fall due before what was deferred, too. */
export class SimulatedClock implements Clock {
  #now = 1_700_000_000_000
  #turns: (() => void)[] = []
  #timers = new Map<number, { at: number; callback: () => void }>()
  #nextTimer = 1
  readonly random: () => number

  constructor(random: () => number) {
    this.random = random
  }

  now = (): number => this.#now
  setTimeout = (callback: () => void, ms: number): number => {
    this.#timers.set(this.#nextTimer, { at: this.#now + ms, callback })
    return this.#nextTimer++
  }
  clearTimeout = (timer: unknown): void => void this.#timers.delete(timer as number)
  defer = (callback: () => void): void => void this.#turns.push(callback)

  get idle(): boolean {
    return this.#turns.length === 0
  }

  get timers(): number {
    return this.#timers.size
  }

  turn(): void {
    const turns = this.#turns
    this.#turns = []
    for (const callback of turns) callback()
  }

  /** Lets time pass while the event loop is busy: no timer runs. */
  spend(ms: number): void {
    this.#now += ms
  }

  /** Sets the wall clock back. Timers follow elapsed time, so their delays stay the same. */
  setBack(ms: number): void {
    this.#now -= ms
    for (const timer of this.#timers.values()) timer.at -= ms
  }

  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, one], [, other]) => one.at - other.at)[0]
      if (!due) break
      this.#timers.delete(due[0])
      this.#now = Math.max(this.#now, due[1].at)
      due[1].callback()
    }
    this.#now = end
  }
}

/** Resolves after all pending promise callbacks have run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A backplane whose answers and events arrive late, but in order. */
export class LateBackplane implements Backplane {
  readonly #inner: MemoryBackplane
  readonly #clock: SimulatedClock
  #last: Promise<void> = Promise.resolve()
  readonly #passing: (() => void)[] = []
  readonly #late = new Map<BackplaneSubscriber, BackplaneSubscriber>()

  constructor(inner: MemoryBackplane, clock: SimulatedClock) {
    this.#inner = inner
    this.#clock = clock
  }

  publish(channel: string, message: BackplaneMessage, options: PublishOptions): Promise<PublishResult> {
    const result = this.#inner.publish(channel, message, options)
    return this.#soon(() => result)
  }

  subscribe(channel: string, subscriber: BackplaneSubscriber): Promise<void> {
    let late = this.#late.get(subscriber)
    if (!late) {
      late = this.#lateSubscriber(subscriber)
      this.#late.set(subscriber, late)
    }
    const subscribed = late
    return this.#inOrder(() => this.#inner.subscribe(channel, subscribed))
  }

  unsubscribe(channel: string, subscriber: BackplaneSubscriber): Promise<void> {
    return this.#inOrder(() => this.#inner.unsubscribe(channel, this.#late.get(subscriber)!))
  }

  read(channel: string, after: number, limit: number): Promise<ReadResult> {
    // Reads at some moment between the call and the answer.
    return this.#soon(() => this.#inner.read(channel, after, limit)).then((result) => this.#soon(() => result))
  }

  seek(channel: string, count: number, before?: number): Promise<number> {
    return this.#soon(() => this.#inner.seek(channel, count, before))
  }

  forget(channel: string): Promise<void> {
    return this.#soon(() => this.#inner.forget(channel))
  }

  close(): void {}

  #soon<T>(action: () => T): Promise<T> {
    const turns = Math.floor(this.#clock.random() * 3)
    return new Promise((resolve) => {
      const wait = (left: number) => {
        if (left === 0) resolve(action())
        else this.#clock.defer(() => wait(left - 1))
      }
      wait(turns)
    })
  }

  #inOrder(action: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.#last = this.#last.then(() => this.#soon(action)).then(() => this.#pass(resolve))
    })
  }

  #lateSubscriber(subscriber: BackplaneSubscriber): BackplaneSubscriber {
    return {
      onMessage: (channel, message) => this.#pass(() => subscriber.onMessage(channel, message)),
      onGap: (channel) => this.#pass(() => subscriber.onGap(channel)),
      onHealth: (error) => subscriber.onHealth(error),
    }
  }

  /** Passes on events, and answers to `subscribe`, in order. */
  #pass(action: () => void): void {
    const passSome = () => {
      const count = 1 + Math.floor(this.#clock.random() * this.#passing.length)
      for (const next of this.#passing.splice(0, count)) next()
      if (this.#passing.length > 0) this.#clock.defer(passSome)
    }
    if (this.#passing.push(action) === 1) this.#clock.defer(passSome)
  }
}

/** A response whose reader takes bytes only on request. */
export class SimulatedSink implements Sink {
  bufferedBytes = 0
  closed = false
  largestWrite = 0
  /** Called with the bytes that the reader takes. */
  onBytes: (bytes: Uint8Array) => void = () => {}
  onWrite: (text: string, bytes: Uint8Array) => void = () => {}
  onEnd: () => void = () => {}
  status: number | undefined
  headers: Record<string, string> | undefined
  readonly #clock: Clock
  readonly kernelBytes: number
  #written: Uint8Array[] = []
  #length = 0
  #listener: SinkListener | undefined
  #waiting = false
  #corked = false
  #ending = false

  constructor(clock: Clock, kernelBytes: number) {
    this.#clock = clock
    this.kernelBytes = kernelBytes
  }

  attach(listener: SinkListener): void {
    this.#listener = listener
  }

  refuse({ status, headers, message = '' }: Refusal): void {
    this.status = status
    this.headers = { ...headers }
    this.onBytes(new TextEncoder().encode(message))
    this.destroy()
  }

  open(): void {
    this.status = 200
  }

  write({ bytes }: Payload): boolean {
    if (this.#ending) throw new Error('The sink was written to after its end.')
    if (this.closed) return false
    this.onWrite(new TextDecoder().decode(bytes), bytes)
    this.#written.push(bytes)
    this.#length += bytes.length
    this.largestWrite = Math.max(this.largestWrite, bytes.length)
    this.#measure()
    if (this.bufferedBytes > (this.#corked ? this.kernelBytes : 0)) this.#waiting = true
    return !this.#waiting
  }

  together(write: () => void): boolean {
    this.#corked = true
    try {
      write()
    } finally {
      this.#corked = false
    }
    if (this.bufferedBytes > 0) this.#waiting = true
    return !this.#waiting
  }

  /** Lets the reader take up to `count` bytes. */
  take(count: number): void {
    let left = count
    while (left > 0 && this.#written.length > 0) {
      const first = this.#written[0]!
      const bytes = first.subarray(0, left)
      if (bytes.length === first.length) this.#written.shift()
      else this.#written[0] = first.subarray(bytes.length)
      left -= bytes.length
      this.#length -= bytes.length
      this.onBytes(bytes)
    }
    this.#measure()
    if (this.bufferedBytes === 0 && this.#waiting) {
      this.#waiting = false
      this.#clock.defer(() => this.closed || this.#waiting || this.#listener?.onDrain())
    }
    if (this.#ending && this.#length === 0) this.destroy()
  }

  #measure(): void {
    this.bufferedBytes = Math.max(0, this.#length - this.kernelBytes)
  }

  get unread(): number {
    return this.#length
  }

  end(): void {
    this.#ending = true
    if (this.#length === 0) this.destroy()
  }

  destroy(): void {
    if (this.closed) return
    this.closed = true
    this.#written = []
    this.#length = 0
    this.bufferedBytes = 0
    this.onEnd()
    this.#clock.defer(() => this.#listener?.onClose())
  }
}

/** An event with its number and padding. */
type SimulatedPayload = { n: number; pad: string }
type SimulatedEvents = ContractOf<{ n: StandardSchemaV1<SimulatedPayload, SimulatedPayload> }>

/** A simulated server. A restart creates a new one. */
export interface SimulatedServer {
  readonly manager: EventManager<SimulatedEvents>
  readonly errors: unknown[]
  readonly compression: Compression | undefined
}

export interface SimulatedServerOptions {
  /** Puts a `LateBackplane` in front of the memory. */
  late: boolean
  maxEvents: number
  /** The age limit of a channel. */
  maxAgeMs: (channel: string) => number
  maxTotalBytes: number
  highWaterMarkBytes: number
  callbackTimeoutMs: number
  coalescing: boolean
  /** Compresses every stream. */
  compression: boolean
}

export function createServer(clock: SimulatedClock, options: SimulatedServerOptions): SimulatedServer {
  const { maxEvents, maxAgeMs, maxTotalBytes } = options
  const retention = (channel: string) => ({ maxEvents, maxBytes: Infinity, maxAgeMs: maxAgeMs(channel) })
  const memory = new MemoryBackplane({ retention, maxTotalBytes, clock })
  const errors: unknown[] = []
  const manager = new EventManager({
    events: defineEvents<{ n: StandardSchemaV1<SimulatedPayload, SimulatedPayload> }>({
      n: z.object({ n: z.number(), pad: z.string() }),
    }),
    backplane: options.late ? new LateBackplane(memory, clock) : memory,
    clock,
    limits: { highWaterMarkBytes: options.highWaterMarkBytes, stallTimeoutMs: 60_000 },
    heartbeat: { intervalMs: 30_000 },
    callbackTimeoutMs: options.callbackTimeoutMs,
    coalescing: options.coalescing,
    onError: (error) => errors.push(error),
  })
  return { manager, errors, compression: options.compression ? sharedDeflate() : undefined }
}

/** One observation of a client. */
export type Seen =
  | { kind: 'event'; position: number | undefined; n: number; channel: string }
  | { kind: 'gap'; channel: string | undefined; reason: GapReason; publishedBefore: number }
  | { kind: 'open'; recovered: boolean | null; publishedBefore: number; at: number; resume: Resume | undefined }

/** The state with which a client reconnects. */
export interface Resume {
  readonly server: SimulatedServer
  /** The number of the first event after the cursor, and the cursor's time. */
  readonly from: number
  readonly since: number
  /** The times at which its previous connection opened and ended. */
  readonly openedAt: number
  readonly leftAt: number
  /** False if that connection began with a gap, even if the client never read so: its log did not reach back to the cursor. */
  readonly recovered: boolean
}

/** A client that keeps its cursor across connections. */
export class SimulatedClient {
  readonly seen: Seen[] = []
  readonly channels: readonly string[]
  readonly filter: ((event: { n: number }) => boolean) | undefined
  lastEventId = ''
  sink: SimulatedSink | undefined
  #cursor: Pick<Resume, 'server' | 'from' | 'since'> | undefined
  #openedAt = 0
  #leftAt = 0
  #recovered = true
  readonly #clock: SimulatedClock
  readonly #writeMs: number

  /** @param writeMs The time that a write to this client takes. */
  constructor(
    clock: SimulatedClock,
    channels: readonly string[],
    filter: ((event: { n: number }) => boolean) | undefined,
    writeMs = 0,
  ) {
    this.#clock = clock
    this.#writeMs = writeMs
    this.channels = channels
    this.filter = filter
  }

  /** @param published Counts the events published so far: the ones that a gap written now can be about. */
  connect(server: SimulatedServer, kernelBytes: number, published: () => number): void {
    const { manager } = server
    const resume = this.#cursor && {
      ...this.#cursor,
      openedAt: this.#openedAt,
      leftAt: this.#leftAt,
      recovered: this.#recovered,
    }
    const begun = { server, from: published(), since: this.#clock.now() }
    const sink = new SimulatedSink(this.#clock, kernelBytes)
    this.sink = sink
    /** For each control event that was written, the number of events published before it. */
    const publishedBefore: number[] = []
    let opened = false
    const decoder = createDecoder({
      lastEventId: this.lastEventId,
      onMessage: (message) => {
        const control = parseControlEvent(message)
        if (control?.type === 'rivulet:open') {
          const { recovered } = control
          if (message.lastEventId !== this.lastEventId) this.#cursor = begun
          this.lastEventId = message.lastEventId
          this.seen.push({
            kind: 'open',
            recovered,
            publishedBefore: publishedBefore.shift()!,
            at: this.#openedAt,
            resume,
          })
        } else if (control?.type === 'rivulet:gap') {
          const { channel, reason } = control
          this.seen.push({ kind: 'gap', channel, reason, publishedBefore: publishedBefore.shift()! })
        } else if (message.event === 'n') {
          const { n, channel, timestamp } = JSON.parse(message.data)
          // An event without an id keeps the last event ID.
          const position =
            message.lastEventId === this.lastEventId ? undefined : Number.parseInt(message.lastEventId, 36)
          this.lastEventId = message.lastEventId
          if (position !== undefined) this.#cursor = { server, from: n + 1, since: timestamp }
          this.seen.push({ kind: 'event', position, n, channel })
        }
      },
    })
    const inflater = server.compression && !this.filter && new Inflater()
    const taken = new Taken()
    sink.onWrite = (written, bytes) => {
      const inflated = inflater ? inflater.feed(bytes) : undefined
      if (inflated) taken.written(bytes, inflated)
      const text = inflated ? new TextDecoder().decode(inflated) : written
      this.#clock.spend(this.#writeMs)
      if (text.includes('event: rivulet:open')) {
        opened = true
        this.#openedAt = this.#clock.now()
        this.#recovered = !text.includes('"recovered":false')
      }
      for (const _ of text.matchAll(/^event: rivulet:(open|gap)$/gm)) publishedBefore.push(published())
    }
    sink.onBytes = (bytes) => decoder.feed(inflater && sink.status === 200 ? taken.take(bytes.length) : bytes)
    sink.onEnd = () => {
      // A request that was refused did not stay.
      if (opened) this.#leftAt = this.#clock.now()
      if (this.sink === sink) this.sink = undefined
    }
    const request = { raw: undefined, lastEventId: this.lastEventId || undefined, acceptEncoding: 'deflate' }
    void manager.connect(request, sink, {
      channels: this.channels,
      compression: server.compression,
      filter: this.filter && ((event) => this.filter!(event)),
    })
  }
}
