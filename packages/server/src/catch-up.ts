import type { GapReason } from '@rivulet/core'
import type { Awaitable } from './awaitable.js'
import type { ReadResult, StoredMessage } from './backplane.js'
import type { Connection } from './connection.js'
import type { Engine } from './engine.js'
import { Frame } from './frame.js'
import { readChannels, readLimit } from './read-channels.js'

/** Where a connection goes on. */
export interface CatchUpStart {
  /** The ordinal in the cohort's queue from which on it needs frames. */
  readonly ordinal: number
  /** It has every event of its channels up to this position. */
  readonly position: number
  /**
   * Events after this position are in the queue at `ordinal` or later, up to it they are in the log.
   */
  readonly bridge: number
  /** Later starts of single channels: what is between `position` and them is not wanted, or was announced to be lost. */
  readonly floors?: Map<string, number>
  /** What `readChannels` said of this start already. */
  readonly first?: readonly ReadResult[]
}

/** How much is written before the connection has to drain, in characters. */
const writeChars = 65_536
/** How much is written in one turn of the event loop to a connection that takes it all, in characters. */
const turnChars = 524_288

/**
 * Gives one connection what it lacks: out of the log up to the bridge, from there on out of the cohort's queue, in which
 * the order of kept and live-only events is that of their publishing. At the end of the queue the connection is live.
 *
 * It writes only while the connection takes bytes, and keeps no event while it waits.
 */
export class CatchUp {
  readonly #engine: Engine
  readonly #connection: Connection
  readonly #floors: Map<string, number>
  #ordinal: number
  #position: number
  #bridge: number
  #first: readonly ReadResult[] | undefined
  #running = false

  constructor(engine: Engine, connection: Connection, start: CatchUpStart) {
    this.#engine = engine
    this.#connection = connection
    this.#ordinal = start.ordinal
    this.#position = start.position
    this.#bridge = start.bridge
    this.#floors = start.floors ?? new Map()
    this.#first = start.first
  }

  /** Goes on until the connection is live, has to drain, or is closed. */
  run(): void {
    if (this.#running) return
    this.#running = true
    let later: Promise<void> | undefined
    try {
      later = this.#advance()
    } catch (error) {
      this.#connection.fail(error, 'read')
      return
    }
    // Nothing may be held while the connection drains, this read included.
    this.#first = undefined
    if (!later) {
      this.#running = false
      return
    }
    later.then(
      () => {
        this.#running = false
        this.run()
      },
      (error) => this.#connection.fail(error, 'read'),
    )
  }

  /** Returns what it has to wait for, if anything other than draining. */
  #advance(): Promise<void> | undefined {
    const connection = this.#connection
    let written = 0
    while (connection.state !== 'closed' && !connection.congested) {
      if (written > turnChars) return new Promise((resolve) => this.#engine.clock.defer(resolve))
      if (this.#position < this.#bridge) {
        const results = this.#read()
        if (results instanceof Promise) return results.then((settled) => void this.#giveLog(settled))
        written += this.#giveLog(results)
      } else if (this.#ordinal < connection.cohort.queue.start) {
        this.#crossDropped()
      } else {
        written += this.#giveQueue()
        if (this.#ordinal === connection.cohort.queue.end) {
          connection.goLive(this.#ordinal, this.#position)
          return undefined
        }
      }
    }
    return undefined
  }

  /** The queue has dropped frames that this connection needs: they are in the log, except for those that are not kept. */
  #crossDropped(): void {
    const { queue, channels } = this.#connection.cohort
    if (queue.droppedUnkeptSince(this.#ordinal)) {
      const channel = channels.length === 1 ? channels[0] : undefined
      this.#connection.write(this.#connection.announceGap(channel, 'lagged'))
    }
    // A gap that was announced before this connection was given frames after it does not cover another hole.
    this.#floors.clear()
    this.#ordinal = queue.start
    this.#bridge = Math.max(this.#position, queue.droppedPosition)
  }

  #giveQueue(): number {
    const { queue } = this.#connection.cohort
    let text = ''
    let count = 0
    while (this.#ordinal < queue.end && text.length < writeChars) {
      const frame = queue.at(this.#ordinal++)
      if (frame.seq !== undefined) {
        if (frame.seq <= this.#position) continue
        this.#position = frame.seq
      }
      if (!this.#connection.sees(frame)) continue
      text += frame.text
      count++
    }
    this.#give(text, count)
    return text.length
  }

  #read(): Awaitable<readonly ReadResult[]> {
    if (this.#first) {
      const first = this.#first
      this.#first = undefined
      return first
    }
    const { channels } = this.#connection.cohort
    const after = (channel: string) => Math.max(this.#position, this.#floors.get(channel) ?? 0)
    return readChannels(this.#engine.backplane, channels, after)
  }

  /** Writes what the log has, in order over all channels, and returns how much that was. */
  #giveLog(results: readonly ReadResult[]): number {
    const connection = this.#connection
    if (connection.state === 'closed') return 0
    const { channels } = connection.cohort
    const limit = readLimit(channels.length)
    let through = this.#bridge
    const found: [channel: string, message: StoredMessage][] = []
    // Notices of gaps go out in one write with what follows them, so that no more than one write is ever buffered.
    let text = ''
    for (const [index, { messages, continuous, reason, head }] of results.entries()) {
      const channel = channels[index]!
      // Only so far does this read know the channel: what comes later may be older than another channel's events.
      if (messages.length === limit) through = Math.min(through, messages.at(-1)!.seq)
      if (!continuous) text += this.#announceGap(channel, messages[0]?.prev ?? head, reason)
      for (const message of messages) found.push([channel, message])
    }
    if (channels.length > 1) found.sort(([, one], [, other]) => one.seq - other.seq)
    let count = 0
    for (const [channel, message] of found) {
      if (message.seq > through) break
      if (text.length >= writeChars) {
        through = this.#position
        break
      }
      this.#position = message.seq
      const frame = Frame.of(channel, message)
      if (!connection.sees(frame)) continue
      text += frame.text
      count++
    }
    this.#position = Math.max(this.#position, through)
    this.#engine.counters.replayed += count
    this.#give(text, count)
    return text.length
  }

  #announceGap(channel: string, lostUpTo: number, reason: ReadResult['reason']): string {
    this.#floors.set(channel, lostUpTo)
    // What is missing after a stream began is missing because the connection was slow.
    const why: GapReason = this.#connection.state === 'joining' && reason ? reason : 'lagged'
    return this.#connection.announceGap(channel, why)
  }

  #give(text: string, count: number): void {
    if (text === '') return
    this.#engine.counters.deliveries += count
    this.#connection.write(text)
  }
}
