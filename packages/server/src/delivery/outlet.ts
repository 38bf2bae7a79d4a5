import type { ConnectionInfo } from '../runtime/connection-info.js'
import { LargePayload, partChars } from '../sinks/large-payload.js'
import { Payload } from '../sinks/payload.js'
import type { Sink } from '../sinks/sink.js'
import type { Batch } from './batch.js'
import type { Cohort } from './cohort.js'
import { CompressedStream } from './compressed-stream.js'
import type { Compression } from './compression.js'
import type { DeliveryRuntime } from './delivery-runtime.js'
import { type Frame, largeChars, type WireEvent } from './frame.js'
import type { Piece } from './piece.js'
import type { Watched } from './stall-watch.js'

// Filters and writes the events of one connection, and notices here when its client reads too slowly: bytes wait in the
// sink.

/** The connection that an outlet writes for. */
export interface OutletOwner extends ConnectionInfo {
  fail(error: unknown, stage: 'write'): void
  /** Events may be missing. */
  onGap(): void
  /** Everything was written, and nothing waits to be sent. */
  onComplete(): void
  /** Ends the stream at once, without `rivulet:close`. */
  cut(reason: string): void
  /** The response has ended. */
  onEnd(): void
}

export interface OutletOptions {
  readonly filter: ((event: WireEvent) => boolean) | undefined
  /** Compresses the response. `undefined` if it is not compressed. */
  readonly compression: Compression | undefined
}

/** The bytes to write for a payload: the payload itself, or compressed ones. */
type Encoded = Payload | (() => readonly Payload[])

/** The time in milliseconds that an ended response gets to send its buffer. */
export const lingerMs = 2_000

/** The output of one connection. Filters and writes events, notices a client that reads too slowly, and ends the response. */
export class Outlet implements Watched {
  readonly filter: ((event: WireEvent) => boolean) | undefined
  /** The time of the last write to this connection alone. */
  lastWriteAt: number
  bytesQueued = 0
  congested = false
  /** It was given all that there will be, and takes the rest of it at its own pace. Nothing is written any more. */
  complete = false
  /** Its response was ended, and may yet have to send its buffer. */
  ended = false
  /** True while the filter runs. `rivulet:close` then waits until the current write is done. */
  filtering = false
  readonly #runtime: DeliveryRuntime
  readonly #sink: Sink
  readonly #owner: OutletOwner
  readonly #compressed: CompressedStream | undefined
  #linger: unknown
  /** The large payloads among the buffered ones. */
  #held: Payload[] | undefined
  /** A payload of which some parts are not written yet, and the next of them. */
  #unfinished: { readonly payload: LargePayload; next: number } | undefined

  constructor(runtime: DeliveryRuntime, sink: Sink, owner: OutletOwner, { filter, compression }: OutletOptions) {
    this.#runtime = runtime
    this.#sink = sink
    this.#owner = owner
    this.filter = filter
    this.#compressed = compression && new CompressedStream(compression)
    this.lastWriteAt = runtime.clock.now()
  }

  get compresses(): boolean {
    return this.#compressed !== undefined
  }

  get bufferedBytes(): number {
    return this.#sink.bufferedBytes
  }

  /** Buffered bytes, and those that are not written yet. */
  get #waitingBytes(): number {
    const { payload, next } = this.#unfinished ?? {}
    return this.#sink.bufferedBytes + (payload ? (payload.count - next!) * partChars : 0)
  }

  /** Tells if the stream's filter lets a frame pass. A filter that throws lets nothing pass. */
  sees(frame: Frame): boolean {
    if (!this.filter) return true
    this.filtering = true
    try {
      const { event } = frame
      return !event || this.filter(event)
    } catch (error) {
      this.#runtime.report(error, { stage: 'filter', connection: this.#owner, channel: frame.channel })
      return false
    } finally {
      this.filtering = false
    }
  }

  /** Tells if a payload fits below the high water mark. An empty buffer takes any payload, since a larger one would wait for ever. */
  hasRoomFor(payload: Payload): boolean {
    const waiting = this.#waitingBytes
    return waiting === 0 || waiting + payload.length <= this.#runtime.highWaterMarkBytes
  }

  /** Writes to this connection alone. */
  give(given: Batch): void {
    this.lastWriteAt = this.#runtime.clock.now()
    this.giveShared(given)
  }

  /** Writes a piece of the cohort's queue that goes to all of its live connections, from its first ordinal on. */
  givePiece(piece: Piece, from: number, cohort: Cohort): void {
    const compressed = this.#compressed
    if (!compressed) this.#giveAs(piece, piece.payload)
    else this.#giveAs(piece, () => compressed.shared(piece, from, cohort.epochsOf(compressed.compression)))
  }

  /** Writes a payload that several connections get. */
  giveShared(batch: Batch): void {
    this.#giveAs(batch, this.#own(batch.payload))
  }

  #giveAs({ payload, events, gaps, ends }: Batch, encoded: Encoded): void {
    const { counters } = this.#runtime
    counters.deliveries += events
    for (const reason of gaps) counters.gaps[reason]++
    if (gaps.length > 0) this.#owner.onGap()
    this.#put(payload, encoded)
    if (!ends) return
    this.complete = true
    if (!this.congested) this.#owner.onComplete()
  }

  /** Writes a control event to this connection alone. */
  write(text: string): void {
    if (this.complete) return
    this.lastWriteAt = this.#runtime.clock.now()
    this.#putOwn(new Payload(text))
  }

  /** Writes a heartbeat, unless other bytes are still buffered. */
  beat(payload: Payload): void {
    if (this.complete || this.#waitingBytes > 0) return
    this.lastWriteAt = this.#runtime.clock.now()
    this.#runtime.counters.heartbeats++
    this.#putOwn(payload)
  }

  #putOwn(payload: Payload): void {
    this.#put(payload, this.#own(payload))
  }

  /** A payload that is not a piece of the cohort's queue, as it is written. */
  #own(payload: Payload): Encoded {
    const compressed = this.#compressed
    return compressed ? () => compressed.own(payload) : payload
  }

  /** Writes a payload. A failure ends this connection only. */
  #put(payload: Payload, encoded: Encoded): void {
    let isSent = true
    try {
      this.#finish()
      if (encoded instanceof LargePayload) isSent = this.#begin(encoded)
      else if (encoded instanceof Payload) isSent = this.#send(encoded)
      else for (const part of encoded()) isSent = this.#send(part)
    } catch (error) {
      this.#owner.fail(error, 'write')
      return
    }
    if (isSent || this.#owner.state === 'closed') return
    if (payload.length > largeChars) this.#hold(payload)
    this.congest()
  }

  /** Returns false if bytes had to be buffered. */
  #send(payload: Payload): boolean {
    const { length } = payload
    const { counters } = this.#runtime
    counters.writes++
    counters.bytes += length
    if (this.congested) this.bytesQueued += length
    return this.#sink.write(payload)
  }

  #begin(payload: LargePayload): boolean {
    this.#unfinished = { payload, next: 0 }
    return this.#continue()
  }

  /** Writes parts of a large payload until one has to be buffered. Returns false then. The next ones follow when that one is sent. */
  #continue(): boolean {
    while (this.#unfinished) if (!this.#sendPart(this.#unfinished)) return false
    return true
  }

  /** Writes all parts that are left, because other bytes come behind them. */
  #finish(): void {
    while (this.#unfinished) this.#sendPart(this.#unfinished)
  }

  #sendPart(unfinished: { readonly payload: LargePayload; next: number }): boolean {
    const { payload } = unfinished
    const part = payload.part(unfinished.next++)
    if (unfinished.next === payload.count) this.#unfinished = undefined
    if (this.#send(part)) return true
    // Others that send it meanwhile share its bytes.
    this.#hold(part)
    return false
  }

  /** Call this when bytes that were written had to be buffered. */
  congest(): void {
    this.congested = true
    this.#runtime.stallWatch.add(this)
  }

  #hold(payload: Payload): void {
    payload.holders++
    this.#held ??= []
    this.#held.push(payload)
  }

  #releaseHeld(): void {
    const held = this.#held
    if (!held) return
    this.#held = undefined
    // Before the release, so that it is held without a break.
    if (this.#unfinished) this.#hold(this.#unfinished.payload)
    for (const payload of held) payload.holders--
    this.#runtime.replays.trim()
  }

  onDrain(): void {
    this.#releaseHeld()
    try {
      if (!this.#continue()) return
    } catch (error) {
      this.#owner.fail(error, 'write')
      return
    }
    this.#releaseHeld()
    this.congested = false
    this.#runtime.stallWatch.delete(this)
    if (this.complete) this.#owner.onComplete()
  }

  onStall(): void {
    this.#runtime.counters.stalled++
    this.#owner.cut('stalled')
  }

  /** Call this when nothing more will be written. */
  stop(): void {
    this.#unfinished = undefined
    this.#runtime.stallWatch.delete(this)
  }

  /** Ends the response once everything written is sent. Further calls do nothing. @throws if the sink throws. */
  end(): void {
    if (this.ended) return
    this.ended = true
    if (this.complete) this.#runtime.stallWatch.add(this)
    this.#finish()
    if (this.#compressed) this.#sink.write(this.#compressed.trailer())
    this.#sink.end(this.#runtime.closing)
  }

  /** Destroys the response unless it ends in time. */
  linger(): void {
    this.#linger = this.#runtime.clock.setTimeout(() => this.destroy(), lingerMs)
  }

  /** Destroys the response. Counts it as ended without waiting for the sink: nothing may depend on a socket. */
  destroy(): void {
    try {
      this.#sink.destroy(this.#runtime.closing)
    } catch (error) {
      this.#runtime.report(error, { stage: 'write', connection: this.#owner })
    }
    this.#over()
  }

  /** Call this when the response has ended. */
  onClose(): void {
    // During a shutdown the timer stays: it ends the underlying connection, which may outlast the response.
    if (!this.#runtime.closing) this.#runtime.clock.clearTimeout(this.#linger)
    this.#over()
  }

  #over(): void {
    this.#releaseHeld()
    this.#owner.onEnd()
  }
}
