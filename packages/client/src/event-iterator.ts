import { IteratorOverflowError } from './errors.js'

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
}

/** How an iterator is tied to its stream. */
export interface IteratorSource {
  /** The first event was asked for. */
  onStart(): void
  /** Whether the stream should wait for this iterator has changed. */
  onPause(paused: boolean): void
  /** The iterator is done; called once. */
  onEnd(): void
}

/** What a loop reads events from. It is TypeScript 5.6's `AsyncIterableIterator<T, undefined>`, for older compilers too. */
export interface EventIterable<T> extends AsyncIterableIterator<T> {
  next(): Promise<IteratorResult<T, undefined>>
  return(): Promise<IteratorResult<T, undefined>>
  [Symbol.asyncIterator](): this
}

/** A bounded queue between a stream that pushes and a loop that pulls. */
export class EventIterator<T> implements EventIterable<T> {
  readonly #source: IteratorSource
  readonly #bufferSize: number
  readonly #overflow: NonNullable<IteratorOptions['overflow']>
  #buffer: T[] = []
  /** Where the first unread event stands: shifting an array for each event would be quadratic. */
  #head = 0
  #waiting: { resolve: (result: IteratorResult<T, undefined>) => void; reject: (error: unknown) => void }[] = []
  #started = false
  #paused = false
  #ended = false
  #failure: { error: unknown } | undefined

  constructor({ bufferSize = 1_024, overflow = 'pause' }: IteratorOptions, source: IteratorSource) {
    this.#source = source
    this.#bufferSize = Math.max(1, bufferSize)
    this.#overflow = overflow
  }

  push(value: T): void {
    if (this.#ended) return
    const waiting = this.#waiting.shift()
    if (waiting) {
      waiting.resolve({ done: false, value })
      return
    }
    const full = this.#size >= this.#bufferSize
    if (full && this.#overflow === 'drop-newest') return
    if (full && this.#overflow === 'error') {
      this.end({ error: new IteratorOverflowError(this.#bufferSize) })
      return
    }
    if (full && this.#overflow === 'drop-oldest') this.#shift()
    this.#buffer.push(value)
    if (this.#overflow === 'pause' && this.#size >= this.#bufferSize) this.#pause(true)
  }

  /** The stream is over. What is buffered can still be read; then the loop ends, or throws the failure. */
  end(failure?: { error: unknown }): void {
    if (this.#ended) return
    this.#ended = true
    this.#failure = failure
    this.#pause(false)
    this.#source.onEnd()
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (this.#failure) reject(this.#takeFailure())
      else resolve({ done: true, value: undefined })
    }
  }

  /** Ends at once: what is buffered is given up. */
  stop(): void {
    this.#buffer = []
    this.#head = 0
    this.#failure = undefined
    this.end()
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (!this.#started) {
      this.#started = true
      if (!this.#ended) this.#source.onStart()
    }
    if (this.#size > 0) {
      const value = this.#shift()
      if (this.#paused && this.#size <= this.#bufferSize / 2) this.#pause(false)
      return Promise.resolve({ done: false, value })
    }
    if (this.#failure) return Promise.reject(this.#takeFailure())
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.stop()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  get #size(): number {
    return this.#buffer.length - this.#head
  }

  #shift(): T {
    const value = this.#buffer[this.#head] as T
    this.#buffer[this.#head++] = undefined as T
    if (this.#head === this.#buffer.length || this.#head >= 2 * this.#bufferSize) {
      this.#buffer = this.#buffer.slice(this.#head)
      this.#head = 0
    }
    return value
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
