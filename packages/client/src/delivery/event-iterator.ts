import { IteratorOverflowError } from '../runtime/errors.js'

export interface IteratorOptions {
  /** Ends the loop when aborted. */
  signal?: AbortSignal
  /** Number of events that may wait to be read. @default 1_024 */
  bufferSize?: number
  /**
   * Policy for a full buffer:
   * - `pause`: stops reading the stream until half of the buffer is free. No event is lost, and the server sees a slow
   *   client, but the other handlers of the stream wait too. Events that were already received are still added.
   * - `drop-oldest`, `drop-newest`: drops events, for loops that need only the latest or the first.
   * - `error`: gives the loop the buffered events, then throws an `IteratorOverflowError`.
   * @default 'pause'
   */
  overflow?: 'pause' | 'drop-oldest' | 'drop-newest' | 'error'
  /**
   * Continues where the last loop over the same events was left: with its unread events and those received since. If
   * more were received than its buffer and 1,024 events, the loop starts at the present, and `onGap` is called with the
   * reason `lagged`. `false` always starts at the present.
   * @default true
   */
  resume?: boolean
}

/** Callbacks from an iterator to its stream. */
export interface IteratorSource {
  /** The loop asked for its first event. */
  onStart(): void
  /** The stream must wait for this iterator, or may continue. */
  onPause(paused: boolean): void
  /** The loop was left, or the stream is over. Called once. */
  onEnd(): void
  /** The loop was left before the end. The next loop may take over the unread and later events. */
  onLeave(): void
  /** The iterator accepts no more events. */
  onRefuse(): void
}

/** Event that waits to be read. */
export interface Unread<T> {
  readonly value: T
  /** Number of the event in the stream. */
  readonly order: number
  /** Cursor of a consumer that has every event before this one. */
  readonly cursor: string
}

/** Iterator of events: TypeScript 5.6's `AsyncIterableIterator<T, undefined>`, for older compilers too. */
export interface EventIterable<T> extends AsyncIterableIterator<T> {
  next(): Promise<IteratorResult<T, undefined>>
  return(): Promise<IteratorResult<T, undefined>>
  [Symbol.asyncIterator](): this
}

/** Least number of events to keep between two loops: one network chunk can contain nearly as many. */
const minLeft = 1_024

/** Bounded queue between a stream that pushes and a loop that pulls. */
export class EventIterator<T> implements EventIterable<T> {
  readonly #source: IteratorSource
  readonly #bufferSize: number
  readonly #overflow: NonNullable<IteratorOptions['overflow']>
  #buffer: Unread<T>[] = []
  /** Index of the first unread event. Shifting the array for each event would be quadratic. */
  #head = 0
  #waiting: { resolve: (result: IteratorResult<T, undefined>) => void; reject: (error: unknown) => void }[] = []
  #started = false
  #paused = false
  #finished = false
  /** Accepts no more events. */
  #ended = false
  /** Number of events that may wait for the next loop; `undefined` while this one reads. */
  #leftSize: number | undefined
  /** True if events for the next loop were lost because too many came. */
  #missed = false
  #failure: { error: unknown } | undefined

  constructor({ bufferSize = 1_024, overflow = 'pause' }: IteratorOptions, source: IteratorSource) {
    this.#source = source
    this.#bufferSize = bufferSize
    this.#overflow = overflow
  }

  /** True if no event is unread and no more will come. */
  get isDone(): boolean {
    return this.#ended && this.#size === 0
  }

  /** Next event to read, if there is one. */
  get unread(): Unread<T> | undefined {
    return this.#buffer[this.#head]
  }

  push(value: T, order = 0, cursor = ''): void {
    if (this.#ended) return
    const waiting = this.#waiting.shift()
    if (waiting) {
      waiting.resolve({ done: false, value })
      return
    }
    if (this.#size >= (this.#leftSize ?? this.#bufferSize) && !this.#makeRoom()) return
    this.#buffer.push({ value, order, cursor })
    if (this.#leftSize === undefined) this.#pauseIfFull()
  }

  /** Ends the loop, or makes it throw the failure, after the buffered events. */
  end(failure?: { error: unknown }): void {
    if (this.#ended) return
    this.#failure = failure
    this.#refuse()
    this.#finish()
  }

  /** Leaves the loop. Buffered and later events wait for the next one. */
  stop(): void {
    if (this.#leftSize !== undefined) return
    const drops = this.#overflow === 'drop-oldest' || this.#overflow === 'drop-newest'
    this.#leftSize = drops ? this.#bufferSize : this.#size + Math.max(this.#bufferSize, minLeft)
    this.#failure = undefined
    this.#finish()
    if (!this.isDone) this.#source.onLeave()
  }

  /**
   * Takes over the unread events of a loop that was left.
   *
   * @returns False if events were lost between the two loops.
   */
  takeOver(left: EventIterator<T>): boolean {
    this.#buffer = left.#buffer.slice(left.#head)
    left.drop()
    this.#pauseIfFull()
    return !left.#missed
  }

  /** Drops the unread events and accepts no more. */
  drop(): void {
    this.#buffer = []
    this.#head = 0
    this.#refuse()
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (!this.#started) {
      this.#started = true
      if (!this.#isOver) this.#source.onStart()
    }
    if (this.#size > 0 && this.#leftSize === undefined) {
      const value = this.#shift()
      if (this.#paused && this.#size <= this.#bufferSize / 2) this.#pause(false)
      return Promise.resolve({ done: false, value })
    }
    if (this.#failure) return Promise.reject(this.#takeFailure())
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.stop()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  get #isOver(): boolean {
    return this.#ended || this.#leftSize !== undefined
  }

  #finish(): void {
    if (this.#finished) return
    this.#finished = true
    this.#pause(false)
    this.#source.onEnd()
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (this.#failure) reject(this.#takeFailure())
      else resolve({ done: true, value: undefined })
    }
  }

  /** @returns True if the next event may be buffered. */
  #makeRoom(): boolean {
    if (this.#overflow === 'drop-newest') return false
    if (this.#overflow === 'drop-oldest') this.#shift()
    else if (this.#leftSize !== undefined) {
      this.#missed = true
      this.drop()
      return false
    } else if (this.#overflow === 'error') {
      this.end({ error: new IteratorOverflowError(this.#bufferSize) })
      return false
    }
    return true
  }

  #refuse(): void {
    if (this.#ended) return
    this.#ended = true
    this.#source.onRefuse()
  }

  get #size(): number {
    return this.#buffer.length - this.#head
  }

  #shift(): T {
    const { value } = this.#buffer[this.#head] as Unread<T>
    this.#buffer[this.#head++] = undefined as never
    if (this.#head === this.#buffer.length || this.#head >= 2 * this.#bufferSize) {
      this.#buffer = this.#buffer.slice(this.#head)
      this.#head = 0
    }
    return value
  }

  #pauseIfFull(): void {
    if (this.#overflow === 'pause' && this.#size >= this.#bufferSize) this.#pause(true)
  }

  #pause(paused: boolean): void {
    if (this.#paused === paused) return
    this.#paused = paused
    this.#source.onPause(paused)
  }

  #takeFailure(): unknown {
    const error = this.#failure?.error
    this.#failure = undefined
    return error
  }
}
