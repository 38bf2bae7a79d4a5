import { IteratorOverflowError } from '../runtime/errors.js'

export interface IteratorOptions {
  /** Ends the loop when it aborts. */
  signal?: AbortSignal
  /** How many events may wait to be read. @default 1_024 */
  bufferSize?: number
  /**
   * What happens when more wait:
   * - `pause`: the stream is not read on until half of the buffer is free. Nothing is lost, and the server sees a slow
   *   client; but the other handlers of the stream wait too. What was already received still comes in.
   * - `drop-oldest`, `drop-newest`: events are lost, for those who only want to see the latest or the first.
   * - `error`: the loop gets what is buffered, and then an `IteratorOverflowError`.
   * @default 'pause'
   */
  overflow?: 'pause' | 'drop-oldest' | 'drop-newest' | 'error'
  /**
   * Begins where the last loop over the same events was left: with what that one had not read, and what has come since. If
   * more came than its buffer and 1,024 events, the loop begins at the present, and `onGap` is called with the reason `lagged`.
   * `false` begins at the present anyway.
   * @default true
   */
  resume?: boolean
}

/** How an iterator is tied to its stream. */
export interface IteratorSource {
  /** The first event was asked for. */
  onStart(): void
  /** The stream should wait for this iterator, or no longer. */
  onPause(paused: boolean): void
  /** Nobody reads on, or the stream is over; called once. */
  onEnd(): void
  /** The loop was left before the end: another one may take over what is unread, and what comes until then. */
  onLeave(): void
  /** The iterator takes no more. */
  onRefuse(): void
}

/** An event that waits to be read. */
export interface Unread<T> {
  readonly value: T
  /** Counts the events of the stream. */
  readonly order: number
  /** The cursor of who has everything before this event. */
  readonly cursor: string
}

/** What a loop reads events from. It is TypeScript 5.6's `AsyncIterableIterator<T, undefined>`, for older compilers too. */
export interface EventIterable<T> extends AsyncIterableIterator<T> {
  next(): Promise<IteratorResult<T, undefined>>
  return(): Promise<IteratorResult<T, undefined>>
  [Symbol.asyncIterator](): this
}

/** So many events may come between two loops at least: one chunk of the network can bring nearly as many. */
const minLeft = 1_024

/** A bounded queue between a stream that pushes and a loop that pulls. */
export class EventIterator<T> implements EventIterable<T> {
  readonly #source: IteratorSource
  readonly #bufferSize: number
  readonly #overflow: NonNullable<IteratorOptions['overflow']>
  #buffer: Unread<T>[] = []
  /** Where the first unread event stands: shifting an array for each event would be quadratic. */
  #head = 0
  #waiting: { resolve: (result: IteratorResult<T, undefined>) => void; reject: (error: unknown) => void }[] = []
  #started = false
  #paused = false
  #finished = false
  /** Nothing comes any more. */
  #ended = false
  /** How many may wait for the next loop; `undefined` while this one reads. */
  #leftSize: number | undefined
  /** More came than the next loop could have. */
  #missed = false
  #failure: { error: unknown } | undefined

  constructor({ bufferSize = 1_024, overflow = 'pause' }: IteratorOptions, source: IteratorSource) {
    this.#source = source
    this.#bufferSize = bufferSize
    this.#overflow = overflow
  }

  /** Nothing waits to be read, and nothing comes any more. */
  get isDone(): boolean {
    return this.#ended && this.#size === 0
  }

  /** The event that is read next, if it is there already. */
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

  /** The stream is over. What is buffered can still be read; then the loop ends, or throws the failure. */
  end(failure?: { error: unknown }): void {
    if (this.#ended) return
    this.#failure = failure
    this.#refuse()
    this.#finish()
  }

  /** Nobody reads on. What is buffered, and what else comes, waits for the next loop. */
  stop(): void {
    if (this.#leftSize !== undefined) return
    const drops = this.#overflow === 'drop-oldest' || this.#overflow === 'drop-newest'
    this.#leftSize = drops ? this.#bufferSize : this.#size + Math.max(this.#bufferSize, minLeft)
    this.#failure = undefined
    this.#finish()
    if (!this.isDone) this.#source.onLeave()
  }

  /**
   * Takes over what another one was left with.
   *
   * @returns Whether that is all there was.
   */
  takeOver(left: EventIterator<T>): boolean {
    this.#buffer = left.#buffer.slice(left.#head)
    left.drop()
    this.#pauseIfFull()
    return !left.#missed
  }

  /** Gives up what is unread, and takes no more. */
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

  /** @returns The event that comes may be buffered. */
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
