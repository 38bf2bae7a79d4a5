import type { Clock, GapEvent } from '@rivulet/core'
import type { ConnectionOptions } from '../connection/connection-options.js'
import { DirectConnection } from '../connection/direct-connection.js'
import type { ConnectionSink } from '../connection/stream-link.js'
import type { LogItem, SharedLog } from './shared-log.js'

/** Time for a leader that has just reconnected to receive the events that this tab already has. */
const graceMs = 500

/**
 * Delivers the log to the handlers of one tab, at their pace. If the log no longer has the items that they lack, opens
 * the tab's own connection to the server until it has caught up with the log.
 */
export class SharedReader {
  /** Cursor after the last delivered item. */
  cursor = ''
  /** Last gap that this tab was told of. */
  gap: GapEvent | undefined
  /** The address of the run that one of the tabs has started. */
  location: string | undefined
  readonly #log: SharedLog
  readonly #options: ConnectionOptions
  readonly #clock: Clock
  readonly #sink: ConnectionSink
  /** Called when the source of the events or its state has changed. */
  readonly #changed: () => void
  /** Ordinal of the next item. */
  #next = 0
  #own: DirectConnection | undefined
  #timer: unknown
  #waiting: Promise<void> | undefined
  #reading = false
  #started = false
  /** The tab was not told yet that it has caught up. */
  #owesLive = false
  #isLogLive = false

  constructor(log: SharedLog, options: ConnectionOptions, clock: Clock, sink: ConnectionSink, changed: () => void) {
    this.#log = log
    this.#options = options
    this.#clock = clock
    this.#sink = sink
    this.#changed = changed
  }

  /** The tab's own connection, if it has one. */
  get own(): DirectConnection | undefined {
    return this.#own
  }

  /** True if the whole log was delivered. */
  get isAtEnd(): boolean {
    return !this.#own && this.#next === this.#log.end
  }

  /** Skips to the end of the log, which has no items that this tab lacks. */
  skip(cursor: string): void {
    this.#next = this.#log.end
    if (cursor === this.cursor) return
    this.cursor = cursor
    this.#sink.cursor(cursor)
  }

  start(): void {
    this.#started = true
    this.#owesLive = true
    this.#isLogLive = false
    this.read()
  }

  /** The tab has not caught up since it joined. */
  get owesLive(): boolean {
    return this.#owesLive
  }

  /** The history of the shared connection is over, or not. A tab that joined later has caught up at the end of the log. */
  set live(live: boolean) {
    this.#isLogLive = live
    this.#tellLive()
  }

  #tellLive(): void {
    if (this.#owesLive && this.#isLogLive && this.#started && this.isAtEnd) this.#live()
  }

  #live(): void {
    this.#owesLive = false
    this.#sink.live()
  }

  /** Delivers the log. */
  read(): void {
    if (this.#reading || this.#waiting) return
    this.#reading = true
    const log = this.#log
    while (this.#started && !this.#isElsewhere() && this.#next < log.end) {
      const ready = this.#sink.ready()
      if (ready) {
        this.#wait(ready)
        break
      }
      this.#hand(log.at(this.#next++) as LogItem)
    }
    this.#reading = false
    this.#tellLive()
  }

  /** Opens the tab's own connection. */
  open(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    const sink = this.#sink
    this.#owesLive = true
    const take = (item: Omit<LogItem, 'place'>) => {
      this.#hand(item)
      this.#meet()
    }
    const own = new DirectConnection(this.#options, this.#clock, {
      ...sink,
      live: () => this.#live(),
      message: take,
      cursor: (id) => take({ id }),
      gap: (gap, id) => take({ gap, id }),
      error: (error) => {
        if (this.#own === own) sink.error(error)
      },
      changed: () => {
        if (this.#own !== own) return
        this.location = own.location
        this.#changed()
      },
    })
    this.#own = own
    own.lastEventId = this.cursor
    own.location = this.location
    own.send({ type: 'connect' })
  }

  /** Stops delivering until `start` is called. */
  stop(): void {
    this.#started = false
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#waiting = undefined
    this.#close()
  }

  /** Returns true if the next event does not come from the log. */
  #isElsewhere(): boolean {
    if (this.#own) return !this.#meet()
    if (this.#next >= this.#log.start) return false
    const met = this.#log.ordinalAfter(this.cursor)
    if (met !== undefined) {
      this.#next = met
      this.#clock.clearTimeout(this.#timer)
      this.#timer = undefined
      return false
    }
    if (this.cursor !== '') {
      this.#timer ??= this.#clock.setTimeout(() => this.open(), graceMs)
      return true
    }
    if (this.#log.run) {
      this.open()
      return true
    }
    // No server can resume without an event ID.
    this.#next = this.#log.start
    this.#hand({ gap: { type: 'rivulet:gap', reason: 'lagged' } })
    return false
  }

  /** Returns to the log if it contains the last event. */
  #meet(): boolean {
    // The log may lack the history of added channels.
    if (!this.#own || this.#own.progress.partial.size > 0) return false
    const ordinal = this.#log.ordinalAfter(this.cursor)
    if (ordinal === undefined) return false
    this.#next = ordinal
    this.#close()
    this.#changed()
    this.read()
    return true
  }

  #close(): void {
    const own = this.#own
    this.#own = undefined
    own?.send({ type: 'close' })
  }

  #hand({ message, id, positioned = false, replayed = false, beside, live, gap }: Omit<LogItem, 'place'>): void {
    if (id !== undefined) this.cursor = id
    if (message) this.#sink.message({ message, id, positioned, replayed, beside })
    else if (live) {
      this.#isLogLive = true
      this.#live()
    } else if (gap) {
      this.gap = gap
      this.#sink.gap(gap, id)
      this.#changed()
    } else if (id !== undefined) this.#sink.cursor(id)
  }

  #wait(ready: Promise<void>): void {
    this.#waiting = ready
    const go = () => {
      if (this.#waiting !== ready) return
      this.#waiting = undefined
      this.read()
    }
    ready.then(go, go)
  }
}
