import { encodeControlEvent } from '@rivulet/core'
import { diagnose } from '../runtime/diagnostics.js'
import type { Runtime } from '../runtime/runtime.js'
import { Payload } from '../sinks/payload.js'
import type { Sink, SinkListener } from '../sinks/sink.js'
import { CatchUp, type CatchUpStart } from './catch-up.js'
import type { Cohort } from './cohort.js'
import { type Frame, largeChars, type ServerGapReason, type WireEvent } from './frame.js'
import type { Piece } from './piece.js'

/** One open stream, as `manager.connections` and `disconnect` show it. */
export interface ConnectionInfo {
  /** The `connectionId` that the client was told. */
  readonly id: string
  /** Its channels, in alphabetical order. */
  readonly channels: readonly string[]
  /** What `authorize` gave as context. */
  readonly context: unknown
  /** What `authorize` gave as key, for the limit per key. */
  readonly key: string | undefined
  /** In milliseconds since the Unix epoch. */
  readonly connectedAt: number
  /**
   * - `joining`: it is given what it missed.
   * - `live`: it is given events as they come.
   * - `lagging`: it reads too slowly, and is given the log at its own pace.
   * - `closed`: it is over.
   */
  readonly state: 'joining' | 'live' | 'lagging' | 'closed'
  /** How many written bytes have not gone out. */
  readonly bufferedBytes: number
}

export interface ConnectionOptions {
  readonly id: string
  readonly context: unknown
  readonly key: string | undefined
  readonly filter: ((event: WireEvent) => boolean) | undefined
  /** Which disconnects came before it was authorized: those up to this position. See `Control`. */
  readonly admittedPosition: number
  /** Nothing is written to the connection any more. */
  readonly onClose: (reason: string) => void
  /** Its response is over too. */
  readonly onEnd: () => void
}

/** What is written to a connection. */
export interface Given {
  readonly payload: Payload
  /** How many events it has. */
  readonly events: number
  /** The gaps that it announces. */
  readonly gaps: readonly ServerGapReason[]
}

/** How long an ended response may take to send what was written, in milliseconds. */
export const lingerMs = 2_000

/** For how long a stream that begins is given what it lacks at once, in milliseconds. What is left waits for its turn. */
const joinMs = 1

/** One stream: what it was given, and what it may be given now. */
export class Connection implements ConnectionInfo, SinkListener {
  readonly id: string
  readonly context: unknown
  readonly key: string | undefined
  readonly connectedAt: number
  readonly cohort: Cohort
  readonly sink: Sink
  readonly filter: ((event: WireEvent) => boolean) | undefined
  state: ConnectionInfo['state'] = 'joining'
  /** When bytes last went to this connection alone. */
  lastWriteAt: number
  readonly #engine: Runtime
  readonly #options: ConnectionOptions
  /** How many bytes were written to it while others waited before them. */
  bytesQueued = 0
  #catchUp: CatchUp | undefined
  #linger: unknown
  #congested = false
  /** While it is live: it has every frame before this ordinal and every event up to this position. */
  #ordinal = 0
  #position = 0
  /** Where it went live: the queue may still hold events up to this position, which it has. */
  #livePosition = 0
  /** Set while its filter is asked: what ends it then waits for what it is being given. */
  #asking = false
  /** Large payloads among what waits to go out. */
  #held: Payload[] | undefined
  #ending: (() => void) | undefined

  constructor(engine: Runtime, cohort: Cohort, sink: Sink, options: ConnectionOptions) {
    this.#engine = engine
    this.cohort = cohort
    this.sink = sink
    this.id = options.id
    this.context = options.context
    this.key = options.key
    this.filter = options.filter
    this.#options = options
    this.connectedAt = engine.clock.now()
    this.lastWriteAt = this.connectedAt
  }

  get admittedPosition(): number {
    return this.#options.admittedPosition
  }

  get channels(): readonly string[] {
    return this.cohort.channels
  }

  get bufferedBytes(): number {
    return this.sink.bufferedBytes
  }

  /** When bytes last went to it, with its cohort or alone. */
  get idleSince(): number {
    const shared = this.state === 'live' && !this.filter
    return shared ? Math.max(this.lastWriteAt, this.cohort.lastWriteAt) : this.lastWriteAt
  }

  get congested(): boolean {
    return this.#congested
  }

  /** Gives it what it has to have before it is live. It belongs to `cohort.catchingUp` already. */
  join(start: CatchUpStart): void {
    const { now } = this.#engine.clock
    this.#catchUp = new CatchUp(this.#engine, this, start)
    if (!this.#congested && !this.#catchUp.write(now, now() + joinMs)) this.#resume()
  }

  #resume(): void {
    if (this.#catchUp && !this.#congested) this.#engine.line.add(this.#catchUp)
  }

  goLive(ordinal: number, position: number): void {
    if (this.state === 'closed') return
    this.#catchUp = undefined
    this.#ordinal = ordinal
    this.#position = position
    this.#livePosition = position
    this.state = 'live'
    this.cohort.catchingUp.delete(this)
    this.cohort.live.add(this)
  }

  /** Stops giving it live frames: from here on it is given the queue and the log, as fast as it takes them. */
  fallBehind(): void {
    this.state = 'lagging'
    this.#engine.counters.lags++
    diagnose(this.#engine, 'rivulet:connection:lag', () => ({ connectionId: this.id }))
    this.cohort.live.delete(this)
    this.cohort.catchingUp.add(this)
    const start = { ordinal: this.#ordinal, position: this.#position, bridge: this.#position }
    this.#catchUp = new CatchUp(this.#engine, this, start)
    this.#resume()
  }

  /** Gives it what it lacks of its cohort's queue before an ordinal, while it is live. */
  deliver(to: number): void {
    while (this.#ordinal < to && this.state === 'live') {
      const from = this.#ordinal
      const shared = this.cohort.piece(from, to)
      const piece =
        this.filter || shared.lowest <= this.#livePosition ? this.select(shared, this.#livePosition) : shared
      // What the filter called may have changed that, and the catch-up then begins before this piece.
      if (this.state !== 'live') break
      if (piece && this.#congested && !this.#hasRoomFor(piece.payload)) {
        this.fallBehind()
        break
      }
      this.#ordinal = from + shared.frames.length
      this.#position = Math.max(this.#position, shared.highest)
      if (piece) {
        if (this.filter) this.lastWriteAt = this.#engine.clock.now()
        this.#count(piece)
        this.#put(piece.payload)
      }
    }
    this.#ending?.()
  }

  /** The frames of a piece that come after a position and that it may see; `undefined` where there is none. */
  select(piece: Piece, position: number): Piece | undefined {
    return piece.only((frame) => (frame.position === undefined || frame.position > position) && this.sees(frame))
  }

  /** Gives it a piece, while it is not live. */
  give(piece: Given | undefined): void {
    if (piece && this.state !== 'closed') {
      this.#count(piece)
      this.lastWriteAt = this.#engine.clock.now()
      this.#put(piece.payload)
    }
    this.#ending?.()
  }

  #count({ events, gaps }: Given): void {
    const { counters } = this.#engine
    counters.deliveries += events
    for (const reason of gaps) counters.gaps[reason]++
  }

  /** Whether the stream's filter lets a frame pass. A filter that throws lets nothing pass. */
  sees(frame: Frame): boolean {
    if (!this.filter) return true
    this.#asking = true
    try {
      const { event } = frame
      return !event || this.filter(event)
    } catch (error) {
      this.#engine.report(error, { stage: 'filter', connection: this, channel: frame.channel })
      return false
    } finally {
      this.#asking = false
    }
  }

  // A piece larger than the mark itself must not wait for ever: an empty buffer takes anything.
  #hasRoomFor(payload: Payload): boolean {
    const buffered = this.sink.bufferedBytes
    return buffered === 0 || buffered + payload.bytes.length <= this.#engine.highWaterMarkBytes
  }

  /** Writes to this connection alone. Returns false when it has to drain first. */
  write(text: string): boolean {
    if (this.state === 'closed') return false
    const payload = new Payload(text)
    this.lastWriteAt = this.#engine.clock.now()
    return this.#put(payload)
  }

  /** Writes, and ends this connection alone if that fails: the next one is not concerned. */
  #put(payload: Payload): boolean {
    const { length } = payload.bytes
    this.#engine.counters.bytes += length
    if (this.#congested) this.bytesQueued += length
    try {
      if (this.sink.write(payload)) return true
    } catch (error) {
      this.fail(error, 'write')
      return false
    }
    if (this.state === 'closed') return false
    this.#congested = true
    if (length > largeChars) this.#hold(payload)
    this.#engine.stallWatch.add(this)
    return false
  }

  #hold(payload: Payload): void {
    payload.holders++
    this.#held ??= []
    this.#held.push(payload)
  }

  #releaseHeld(): void {
    if (!this.#held) return
    for (const payload of this.#held) payload.holders--
    this.#held = undefined
    this.#engine.replays.trim()
  }

  /** A heartbeat, unless bytes are waiting anyway. */
  beat(payload: Payload): void {
    if (this.sink.bufferedBytes > 0) return
    this.lastWriteAt = this.#engine.clock.now()
    this.#engine.counters.heartbeats++
    this.#put(payload)
  }

  onDrain(): void {
    this.#congested = false
    this.#releaseHeld()
    this.#engine.stallWatch.delete(this)
    this.#resume()
  }

  /** Ends the stream on purpose, and says so. What was published before is written before, unless it lags behind. */
  close(reason: string, retry: boolean): void {
    this.#finish(reason, encodeControlEvent({ type: 'rivulet:close', reason, retry }), false)
  }

  /** Ends the stream because the server goes away: the client is told when to come back, to another one. */
  closeForShutdown(retryMs: number): void {
    const reason = 'shutdown'
    this.#finish(reason, encodeControlEvent({ type: 'rivulet:close', reason, retry: true }, { retry: retryMs }), true)
  }

  #finish(reason: string, farewell: string, leave: boolean, to: number = this.cohort.queue.end): void {
    if (this.#asking) {
      this.#ending ??= () => {
        this.#ending = undefined
        this.#finish(reason, farewell, leave, to)
      }
      return
    }
    if (!leave && this.state === 'joining') this.#catchUp?.write(this.#engine.clock.now, Infinity)
    this.deliver(to)
    if (this.state === 'closed') return
    this.write(farewell)
    try {
      this.sink.end(this.#engine.closing)
    } catch (error) {
      this.fail(error, 'write')
      return
    }
    this.#leave(reason)
    this.#linger = this.#engine.clock.setTimeout(() => this.#destroy(), lingerMs)
  }

  /** Ends the stream at once, without a word: it takes none. */
  cut(reason: string): void {
    this.#leave(reason)
    this.#destroy()
  }

  /** Does not wait for the sink to confirm: nothing may depend on what a socket does. */
  #destroy(): void {
    try {
      this.sink.destroy(this.#engine.closing)
    } catch (error) {
      this.#engine.report(error, { stage: 'write', connection: this })
    }
    this.#releaseHeld()
    this.#options.onEnd()
  }

  /** Ends the stream because something broke. */
  fail(error: unknown, stage: 'read' | 'write'): void {
    if (this.state === 'closed') return
    this.#engine.report(error, { stage, connection: this })
    this.cut(`${stage} failed`)
  }

  onClose(): void {
    this.#leave('client left')
    this.#releaseHeld()
    // On a server that goes away, the connection under the response may outlast it, and has to end as well.
    if (!this.#engine.closing) this.#engine.clock.clearTimeout(this.#linger)
    this.#options.onEnd()
  }

  #leave(reason: string): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    if (this.#catchUp) this.#engine.line.remove(this.#catchUp)
    this.#catchUp = undefined
    this.cohort.live.delete(this)
    this.cohort.catchingUp.delete(this)
    this.#engine.stallWatch.delete(this)
    this.#options.onClose(reason)
  }
}
