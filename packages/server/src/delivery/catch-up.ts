import { encodeControlEvent } from '@rivulet/core'
import type { ReadResult } from '../backplane/backplane.js'
import type { ConnectionInfo } from '../runtime/connection-info.js'
import { type Leave, whenSettled } from '../runtime/guard.js'
import type { Cohort } from './cohort.js'
import type { DeliveryRuntime } from './delivery-runtime.js'
import { Frame } from './frame.js'
import type { Writer } from './line.js'
import { type LogPage, makePage } from './log-page.js'
import type { Given } from './outlet.js'
import { Piece } from './piece.js'
import { readChannels, readLimit, shortReadLimit } from './read-channels.js'

/** The point from which a connection catches up. */
export interface CatchUpStart {
  /** The ordinal of the first frame that it needs from the cohort's queue. */
  readonly ordinal: number
  /** The connection has every event of its channels up to this position. */
  readonly position: number
  /** Events up to this position are in the log. Later ones are in the queue, at `ordinal` or after it. */
  readonly bridge: number
  /** Later starting positions of single channels. Events between `position` and these are not wanted, or were announced as lost. */
  readonly floors?: Map<string, number>
  /** Tells the stream where the log ends: events up to the bridge are history. */
  readonly marksLive?: boolean
  /** Pages of the log that were already read from this start. */
  readonly pages?: readonly LogPage[]
}

/** A connection, as its catch-up sees it. */
export interface Lacking {
  /** Writes control events. */
  write(text: string): void
  readonly state: ConnectionInfo['state']
  readonly cohort: Cohort
  /** True while it cannot take more bytes. `onDrain` ends this. */
  readonly congested: boolean
  /** True if the stream has a filter. */
  readonly filtered: boolean
  /** Tells if the stream's filter lets a frame pass. */
  sees(frame: Frame): boolean
  /** The frames of a piece that come after a position and pass the filter; `undefined` if there are none. */
  select(piece: Piece, position: number): Piece | undefined
  /** Writes a payload; `undefined` for a step that had nothing to write. */
  give(piece: Given | undefined): void
  /** Called when it has all frames before an ordinal of the queue and all events up to a position. */
  goLive(ordinal: number, position: number): void
  fail(error: unknown, stage: 'read'): void
}

/**
 * Gives one connection the events that it lacks: from the log up to the bridge, then from the cohort's queue, which has
 * kept and live-only events in the order of publishing. At the end of the queue the connection goes live.
 *
 * Writes only while the connection takes bytes, and holds no event while it waits.
 */
export class CatchUp implements Writer {
  readonly servesLive = false
  readonly #runtime: DeliveryRuntime
  readonly #connection: Lacking
  readonly #floors: Map<string, number>
  #ordinal: number
  #position: number
  #bridge: number
  /** Pages that were read but not yet given. Dropped while the connection drains, and read again later. */
  #pages: LogPage[]
  /** The page that is being given, and the index of its next event. */
  #page: LogPage | undefined
  #index = 0
  #reading = false
  /** The number of events of each channel to read next. */
  #limit: number
  #marksLive: boolean
  #leave: Leave | undefined

  constructor(runtime: DeliveryRuntime, connection: Lacking, start: CatchUpStart) {
    this.#runtime = runtime
    this.#connection = connection
    this.#ordinal = start.ordinal
    this.#position = start.position
    this.#bridge = start.bridge
    this.#limit = readLimit(connection.cohort.channels.length)
    this.#floors = start.floors ?? new Map()
    this.#pages = [...(start.pages ?? [])]
    this.#marksLive = start.marksLive ?? false
  }

  /** Continues until the connection is live, congested or closed. */
  write(now: () => number, deadline: number): boolean {
    try {
      return this.#advance(now, deadline)
    } catch (error) {
      this.#connection.fail(error, 'read')
      return true
    }
  }

  #advance(now: () => number, deadline: number): boolean {
    const connection = this.#connection
    while (connection.state !== 'closed' && !this.#reading) {
      if (connection.congested) {
        this.#pages = []
        this.#page = undefined
        return true
      }
      if (this.#page) this.#givePage(this.#page)
      else if (this.#pages.length > 0) this.#beginPage()
      else if (this.#position < this.#bridge) this.#read()
      else if (this.#marksLive) this.#markLive()
      else if (this.#ordinal < connection.cohort.queue.start) this.#crossDropped()
      else {
        this.#giveQueue()
        if (this.#ordinal === connection.cohort.queue.end) {
          connection.goLive(this.#ordinal, this.#position)
          return true
        }
      }
      if (now() >= deadline) return false
    }
    return true
  }

  #markLive(): void {
    this.#marksLive = false
    this.#connection.write(encodeControlEvent({ type: 'rivulet:live' }))
  }

  /** Returns to the log for frames that the queue has dropped. Live-only events among them are lost: announces a gap. */
  #crossDropped(): void {
    const { queue, channels } = this.#connection.cohort
    if (queue.droppedUnkeptSince(this.#ordinal)) {
      const channel = channels.length === 1 ? channels[0] : undefined
      this.#connection.give(new Piece([Frame.gap(channel, 'lagged')]))
    }
    // Frames came after the gaps announced so far, so those do not cover another hole.
    this.#floors.clear()
    this.#ordinal = queue.start
    this.#bridge = Math.max(this.#position, queue.droppedPosition)
  }

  #giveQueue(): void {
    const connection = this.#connection
    const { queue } = connection.cohort
    if (this.#ordinal === queue.end) return
    const shared = connection.cohort.piece(this.#ordinal, queue.end)
    const whole = !connection.filtered && shared.lowest > this.#position
    const piece = whole ? shared : connection.select(shared, this.#position)
    this.#ordinal += shared.frames.length
    this.#position = Math.max(this.#position, shared.highest)
    connection.give(piece)
  }

  #read(): void {
    const { channels } = this.#connection.cohort
    const after = (channel: string) => Math.max(this.#position, this.#floors.get(channel) ?? 0)
    const limit = this.#limit
    const results = readChannels(this.#runtime.backplane, channels, after, limit)
    if (!(results instanceof Promise)) {
      this.#onRead(results, limit)
      return
    }
    this.#reading = true
    const onFailure = (error: unknown) => this.#connection.fail(error, 'read')
    const onValue = (settled: readonly ReadResult[]) => {
      this.#reading = false
      try {
        this.#onRead(settled, limit)
        this.#runtime.line.add(this)
      } catch (error) {
        onFailure(error)
      }
    }
    this.#leave = whenSettled(results, onValue, onFailure)
  }

  /** Stops for good. Whatever it was reading may never come, and does not hold on to it. */
  stop(): void {
    this.#leave?.()
    this.#runtime.line.remove(this)
  }

  #onRead(results: readonly ReadResult[], limit: number): void {
    const connection = this.#connection
    const { channels } = connection.cohort
    const sees = connection.filtered ? (frame: Frame) => connection.sees(frame) : undefined
    if (results.some(({ messages }) => messages.length > 0)) this.#limit = shortReadLimit(sees ? 1 : 2, results)
    this.#pages.push(makePage({ channels, bridge: this.#bridge, limit, sees }, results, this.#runtime.replays))
  }

  #beginPage(): void {
    const page = this.#pages.shift()!
    this.#page = page
    this.#index = 0
    if (page.lost.length === 0) return
    const gaps = page.lost.map(({ channel, upTo, reason }) => {
      this.#floors.set(channel, upTo)
      // After joining, events can only be lost because the connection was slow.
      return Frame.gap(channel, this.#connection.state === 'joining' && reason ? reason : 'lagged')
    })
    this.#connection.give(new Piece(gaps))
  }

  #givePage(page: LogPage): void {
    if (this.#index === page.events) {
      this.#position = Math.max(this.#position, page.through)
      this.#page = undefined
      this.#connection.give(undefined)
      return
    }
    const part = page.part(this.#index, this.#runtime.replays)
    this.#index += part.events
    this.#position = part.through
    this.#runtime.counters.replayed += part.events
    this.#connection.give(part)
  }
}
