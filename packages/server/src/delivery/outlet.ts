import type { ConnectionInfo } from '../runtime/connection-info.js'
import type { ServerGapReason } from '../runtime/gap-reason.js'
import { Payload } from '../sinks/payload.js'
import type { Sink } from '../sinks/sink.js'
import type { DeliveryRuntime } from './delivery-runtime.js'
import { type Frame, largeChars, type WireEvent } from './frame.js'
import type { Watched } from './stall-watch.js'

/** A payload to write to a connection. */
export interface Given {
  readonly payload: Payload
  /** How many events it has. */
  readonly events: number
  /** The gaps that it announces. */
  readonly gaps: readonly ServerGapReason[]
  /** Whether the stream is over with it. */
  readonly ends: boolean
}

/** The connection that an outlet writes for. */
export interface OutletOwner extends ConnectionInfo {
  fail(error: unknown, stage: 'write'): void
  /** Events may be missing. */
  onGap(): void
  /** Everything was written, and nothing waits to be sent. */
  onComplete(): void
  /** Ends the stream at once, without a farewell. */
  cut(reason: string): void
}

/** How long an ended response may take to send what was written, in milliseconds. */
export const lingerMs = 2_000

/** The way out of one connection: it filters and writes, knows whether the client keeps up, and ends the response. */
export class Outlet implements Watched {
  readonly filter: ((event: WireEvent) => boolean) | undefined
  /** When bytes last went to this connection alone. */
  lastWriteAt: number
  bytesQueued = 0
  congested = false
  /** It was given all that there will be, and takes the rest of it at its own pace. */
  complete = false
  /** Set while the filter is asked: a farewell then waits for what is being written. */
  filtering = false
  readonly #runtime: DeliveryRuntime
  readonly #sink: Sink
  readonly #owner: OutletOwner
  readonly #onEnd: () => void
  #linger: unknown
  /** Large payloads among those that wait to be sent. */
  #held: Payload[] | undefined

  /** @param onEnd Called when the response is over. */
  constructor(
    runtime: DeliveryRuntime,
    sink: Sink,
    owner: OutletOwner,
    { filter, onEnd }: { filter: ((event: WireEvent) => boolean) | undefined; onEnd: () => void },
  ) {
    this.#runtime = runtime
    this.#sink = sink
    this.#owner = owner
    this.#onEnd = onEnd
    this.filter = filter
    this.lastWriteAt = runtime.clock.now()
  }

  get bufferedBytes(): number {
    return this.#sink.bufferedBytes
  }

  /** Tells whether the stream's filter lets a frame pass. A filter that throws lets nothing pass. */
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

  /** Tells whether a payload fits below the mark. An empty buffer takes anything: a larger payload must not wait for ever. */
  hasRoomFor(payload: Payload): boolean {
    const buffered = this.#sink.bufferedBytes
    return buffered === 0 || buffered + payload.bytes.length <= this.#runtime.highWaterMarkBytes
  }

  /** Writes to this connection alone. */
  give(given: Given): void {
    this.lastWriteAt = this.#runtime.clock.now()
    this.giveShared(given)
  }

  /** Writes a payload that goes to all live connections of the cohort. */
  giveShared({ payload, events, gaps, ends }: Given): void {
    const { counters } = this.#runtime
    counters.deliveries += events
    for (const reason of gaps) counters.gaps[reason]++
    if (gaps.length > 0) this.#owner.onGap()
    this.#put(payload)
    if (!ends) return
    // Whoever reads slowly has as long for the last event as for any other.
    this.complete = true
    if (!this.congested) this.#owner.onComplete()
  }

  /** Writes what is no event to this connection alone. */
  write(text: string): void {
    this.lastWriteAt = this.#runtime.clock.now()
    this.#put(new Payload(text))
  }

  /** Writes a heartbeat, unless bytes are waiting anyway. */
  beat(payload: Payload): void {
    if (this.#sink.bufferedBytes > 0) return
    this.lastWriteAt = this.#runtime.clock.now()
    this.#runtime.counters.heartbeats++
    this.#put(payload)
  }

  /** Writes, and ends this connection alone if that fails: the next one is not concerned. */
  #put(payload: Payload): void {
    const { length } = payload.bytes
    this.#runtime.counters.bytes += length
    if (this.congested) this.bytesQueued += length
    try {
      if (this.#sink.write(payload)) return
    } catch (error) {
      this.#owner.fail(error, 'write')
      return
    }
    if (this.#owner.state === 'closed') return
    this.congested = true
    if (length > largeChars) this.#hold(payload)
    this.#runtime.stallWatch.add(this)
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
    this.#runtime.replays.trim()
  }

  onDrain(): void {
    this.congested = false
    this.#releaseHeld()
    this.#runtime.stallWatch.delete(this)
    if (this.complete) this.#owner.onComplete()
  }

  onStall(): void {
    this.#runtime.counters.stalled++
    this.#owner.cut('stalled')
  }

  /** Nothing more is written. */
  stop(): void {
    this.#runtime.stallWatch.delete(this)
  }

  /** Ends the response after what was written. @throws what the sink throws. */
  end(): void {
    this.#sink.end(this.#runtime.closing)
  }

  /** Destroys the response unless it is over in time. */
  linger(): void {
    this.#linger = this.#runtime.clock.setTimeout(() => this.destroy(), lingerMs)
  }

  /** Does not wait for the sink to confirm: nothing may depend on what a socket does. */
  destroy(): void {
    try {
      this.#sink.destroy(this.#runtime.closing)
    } catch (error) {
      this.#runtime.report(error, { stage: 'write', connection: this.#owner })
    }
    this.#over()
  }

  /** The response is over. */
  onClose(): void {
    // On a server that goes away, the connection under the response may outlast it, and has to end as well.
    if (!this.#runtime.closing) this.#runtime.clock.clearTimeout(this.#linger)
    this.#over()
  }

  #over(): void {
    this.#releaseHeld()
    this.#onEnd()
  }
}
