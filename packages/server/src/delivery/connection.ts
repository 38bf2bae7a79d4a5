import { encodeControlEvent } from '@rivulet/core'
import type { ConnectionInfo } from '../runtime/connection-info.js'
import { diagnose } from '../runtime/diagnostics.js'
import type { Payload } from '../sinks/payload.js'
import type { Sink, SinkListener } from '../sinks/sink.js'
import type { Batch } from './batch.js'
import { CatchUp, type CatchUpStart, type CatchUpTarget } from './catch-up.js'
import type { Cohort, Member } from './cohort.js'
import type { Compression } from './compression.js'
import type { DeliveryRuntime } from './delivery-runtime.js'
import type { Frame, WireEvent } from './frame.js'
import type { HeartbeatTarget } from './heartbeat.js'
import { Outlet, type OutletOwner } from './outlet.js'
import type { Piece, Taken } from './piece.js'

// Knows the position of one client, and decides whether it is joining, live or lagging.

export interface ConnectionOptions {
  readonly id: string
  readonly context: unknown
  readonly key: string | undefined
  readonly filter: ((event: WireEvent) => boolean) | undefined
  readonly compression: Compression | undefined
  /** The position of the last order that was carried out before its authorization began. See `Control`. */
  readonly admittedPosition: number
  /** The options of its route, if its channels may change. */
  readonly route: object | undefined
  /** The secret with which its client changes its channels, if it may. */
  readonly control: string | undefined
  /** It went live, or events may be missing: what ends its stream may have been among them. */
  readonly onUncertain: ((connection: Connection) => void) | undefined
  /** Its place within the limits. */
  readonly slot: Slot
}

/** A place within the limits, which a connection takes until it closes. */
export interface Slot {
  release(): void
}

/** Whoever opens connections. */
export interface ConnectionOwner {
  /** Nothing more will be written to the connection. */
  onClose(connection: Connection, reason: string): void
  /** Its response has ended too. */
  onEnd(connection: Connection): void
}

/** The time in milliseconds for which a new stream may catch up at once. The rest waits for its turn in the line. */
const joinMs = 1

/** One connection of a stream. Knows its client's position and decides what the client gets next. */
export class Connection implements OutletOwner, Member, CatchUpTarget, HeartbeatTarget, SinkListener {
  readonly id: string
  readonly context: unknown
  readonly key: string | undefined
  readonly connectedAt: number
  readonly route: object | undefined
  readonly control: string | undefined
  readonly slot: Slot
  readonly sink: Sink
  state: ConnectionInfo['state'] = 'joining'
  heartbeatSlot: Set<HeartbeatTarget> | undefined
  readonly #runtime: DeliveryRuntime
  readonly #owner: ConnectionOwner
  readonly #admittedPosition: number
  readonly #onUncertain: ((connection: Connection) => void) | undefined
  readonly #outlet: Outlet
  #cohort: Cohort
  #catchUp: CatchUp | undefined
  /** While live, it has every frame before this ordinal and every event up to this position. */
  #ordinal = 0
  #position = 0
  /** The position at which it went live. It has all events up to here, though the queue may still hold some of them. */
  #livePosition = 0
  /** Ends the connection. Set if that was requested while its filter ran. */
  #ending: (() => void) | undefined
  /** Channels of its cohort that it has left. It goes over to another cohort as soon as it can. */
  #withheld: Set<string> | undefined
  #onReady: (() => void) | undefined

  // Copies the options: there are thousands of connections, and each object takes memory.
  constructor(
    runtime: DeliveryRuntime,
    owner: ConnectionOwner,
    { cohort, sink, options }: { cohort: Cohort; sink: Sink; options: ConnectionOptions },
  ) {
    this.#runtime = runtime
    this.#owner = owner
    this.#cohort = cohort
    this.sink = sink
    this.id = options.id
    this.context = options.context
    this.key = options.key
    this.#admittedPosition = options.admittedPosition
    this.route = options.route
    this.control = options.control
    this.slot = options.slot
    this.#onUncertain = options.onUncertain
    this.#outlet = new Outlet(runtime, sink, this, options)
    this.connectedAt = this.#outlet.lastWriteAt
  }

  get admittedPosition(): number {
    return this.#admittedPosition
  }

  get cohort(): Cohort {
    return this.#cohort
  }

  get channels(): readonly string[] {
    const { channels } = this.#cohort
    return this.#withheld ? channels.filter((channel) => !this.withholds(channel)) : channels
  }

  get bufferedBytes(): number {
    return this.sink.bufferedBytes
  }

  /** The time of the last write, to its cohort or to it alone. */
  get lastWriteAt(): number {
    const { lastWriteAt } = this.#outlet
    return this.state === 'live' && !this.filtered ? Math.max(lastWriteAt, this.cohort.lastWriteAt) : lastWriteAt
  }

  get congested(): boolean {
    return this.#outlet.congested || this.complete
  }

  get compresses(): boolean {
    return this.#outlet.compresses
  }

  /** Tells whether it was given all that there will be, and only takes the rest of it. */
  get complete(): boolean {
    return this.#outlet.complete
  }

  get filtered(): boolean {
    return this.#outlet.filter !== undefined || this.#withheld !== undefined
  }

  /** Begins to catch up. The connection MUST already be in `cohort.catchingUp`. */
  join(start: CatchUpStart): void {
    const { now } = this.#runtime.clock
    this.#catchUp = new CatchUp(this.#runtime, this, start)
    if (!this.congested && !this.#catchUp.write(now, now() + joinMs)) this.#resume()
  }

  #resume(): void {
    if (this.#catchUp && !this.congested) this.#runtime.line.add(this.#catchUp)
  }

  goLive(ordinal: number, position: number): void {
    if (this.state === 'closed') return
    this.#catchUp = undefined
    this.#ordinal = ordinal
    this.#position = position
    this.#livePosition = position
    this.state = 'live'
    this.cohort.live.add(this)
    this.cohort.caughtUp(this)
    this.#onUncertain?.(this)
    this.#tellReady()
  }

  /** True if it has every event of its cohort's queue or is about to, and nothing waits to be sent. */
  get ready(): boolean {
    return this.state === 'live' && !this.congested
  }

  /** Calls back once, when it is ready. Replaces an earlier callback. */
  whenReady(callback: () => void): void {
    this.#onReady = callback
  }

  #tellReady(): void {
    if (!this.#onReady || !this.ready) return
    const onReady = this.#onReady
    this.#onReady = undefined
    onReady()
  }

  /** Writes what its cohort's queue still has for it. @returns True if it is live and has all of that. */
  drainQueue(now: () => number, deadline: number): boolean {
    const { end } = this.#cohort.queue
    this.deliver(end, now, deadline)
    // The filter may have published.
    return this.state === 'live' && this.#ordinal === this.#cohort.queue.end
  }

  /** Gives it nothing more of a channel. */
  withhold(channel: string): void {
    this.#withheld ??= new Set()
    this.#withheld.add(channel)
  }

  /** True if it gets nothing of a channel that its cohort has. */
  withholds(channel: string): boolean {
    return this.#withheld?.has(channel) ?? false
  }

  /**
   * Goes over to another cohort. It MUST have just drained its queue.
   *
   * @param text Control events and a snapshot. They come before every event of the other cohort.
   * @param startAt The start of the catch-up, from the position up to which it has every event; `undefined` if no channel is new.
   */
  goOver(cohort: Cohort, text: string, startAt: ((position: number) => CatchUpStart) | undefined): void {
    const old = this.#cohort
    old.letGo(this)
    if (old !== cohort) old.caughtUp(this)
    this.#cohort = cohort
    this.#withheld = undefined
    this.#ordinal = cohort.queue.end
    this.write(text)
    // Writing may have failed.
    if (this.state === 'closed') return
    if (startAt) {
      this.state = 'joining'
      cohort.catchingUp.add(this)
      this.join(startAt(this.#position))
    } else {
      cohort.live.add(this)
      cohort.caughtUp(this)
    }
  }

  /** Stops live delivery. From here on it gets the queue and the log as fast as it takes them. */
  fallBehind(): void {
    // What was told of another one that fell behind may have ended this one.
    if (this.state !== 'live') return
    this.state = 'lagging'
    this.#runtime.counters.lags++
    this.cohort.live.delete(this)
    this.cohort.catchingUp.add(this)
    const start = { ordinal: this.#ordinal, position: this.#position, bridge: this.#position }
    this.#catchUp = new CatchUp(this.#runtime, this, start)
    this.#resume()
    diagnose(this.#runtime, 'rivulet:connection:lag', () => ({ connectionId: this.id }))
  }

  deliver(to: number, now: () => number, deadline: number): boolean {
    const outlet = this.#outlet
    while (this.#ordinal < to && this.#isLive) {
      const from = this.#ordinal
      const all = this.cohort.piece(from, to)
      const { taken: shared, given: piece } =
        this.filtered || all.lowest <= this.#livePosition
          ? this.take(all, this.#livePosition, () => now() >= deadline)
          : { taken: all, given: all }
      // The filter may have changed the state. The catch-up then begins before this piece.
      if (this.state !== 'live') break
      if (piece && this.congested && !outlet.hasRoomFor(piece.payload)) {
        this.fallBehind()
        break
      }
      this.#ordinal = from + shared.frames.length
      this.#position = Math.max(this.#position, shared.highest)
      if (piece && this.filtered) outlet.give(piece)
      else if (piece === all) outlet.givePiece(piece, from, this.cohort)
      else if (piece) outlet.giveShared(piece)
      if (this.#ordinal < to && now() >= deadline) break
    }
    this.#ending?.()
    return this.#ordinal >= to || !this.#isLive
  }

  get #isLive(): boolean {
    return this.state === 'live' && !this.complete
  }

  take(piece: Piece, position: number, isLate: () => boolean): Taken {
    return piece.take((frame) => this.#wants(frame, position), isLate)
  }

  #wants(frame: Frame, position: number): boolean {
    const at = frame.position ?? frame.upTo
    return (at === undefined || at > position) && this.sees(frame)
  }

  give(piece: Batch | undefined): void {
    if (piece && this.state !== 'closed') this.#outlet.give(piece)
    this.#ending?.()
  }

  sees(frame: Frame): boolean {
    return !(frame.channel !== undefined && this.withholds(frame.channel)) && this.#outlet.sees(frame)
  }

  /** Writes control events to this connection alone. */
  write(text: string): void {
    if (this.state !== 'closed') this.#outlet.write(text)
  }

  beat(payload: Payload): void {
    this.#outlet.beat(payload)
  }

  /** Call this when bytes that were written had to be buffered. `onDrain` follows. */
  congest(): void {
    if (this.state !== 'closed') this.#outlet.congest()
  }

  onDrain(): void {
    this.#outlet.onDrain()
    this.#resume()
    this.#tellReady()
  }

  /** Ends the stream with `rivulet:close`. Unless it lags, everything published before is written first. */
  close(reason: string, retry: boolean): void {
    this.#finish(reason, encodeControlEvent({ type: 'rivulet:close', reason, retry }), false)
  }

  /** Ends the stream for a shutdown. Tells the client when to reconnect, which will be to another server. */
  closeForShutdown(retryMs: number): void {
    const reason = 'shutdown'
    this.#finish(reason, encodeControlEvent({ type: 'rivulet:close', reason, retry: true }, { retry: retryMs }), true)
  }

  onGap(): void {
    this.#onUncertain?.(this)
  }

  onEnd(): void {
    this.#owner.onEnd(this)
  }

  /**
   * Ends the response after its last event, which tells why. The stream is closed when that is sent: a client that reads
   * slowly has as long for it as for any other event.
   */
  onComplete(): void {
    this.#end()
  }

  #finish(reason: string, farewell: string, leave: boolean, to: number = this.cohort.queue.end): void {
    if (this.#outlet.filtering) {
      this.#ending ??= () => {
        this.#ending = undefined
        this.#finish(reason, farewell, leave, to)
      }
      return
    }
    if (!leave && this.state === 'joining') this.#catchUp?.write(this.#runtime.clock.now, Infinity)
    this.deliver(to, this.#runtime.clock.now, Infinity)
    if (this.state === 'closed') return
    this.write(farewell)
    if (!this.#end()) return
    this.#leave(reason)
    this.#outlet.linger()
  }

  /** Returns false if it is closed, or the sink fails. */
  #end(): boolean {
    if (this.state === 'closed') return false
    try {
      this.#outlet.end()
      return true
    } catch (error) {
      this.fail(error, 'write')
      return false
    }
  }

  /** Ends the stream at once, without `rivulet:close`. */
  cut(reason: string): void {
    this.#leave(reason)
    this.#outlet.destroy()
  }

  /** Reports an error and ends the stream. */
  fail(error: unknown, stage: 'read' | 'write'): void {
    if (this.state === 'closed') return
    this.#runtime.report(error, { stage, connection: this })
    this.cut(`${stage} failed`)
  }

  onClose(): void {
    this.#leave(this.#outlet.ended ? 'ended' : 'client left')
    this.#outlet.onClose()
  }

  #leave(reason: string): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.#catchUp?.stop()
    this.#catchUp = undefined
    this.#onReady = undefined
    this.cohort.letGo(this)
    this.cohort.caughtUp(this)
    this.#outlet.stop()
    this.#owner.onClose(this, reason)
  }
}
