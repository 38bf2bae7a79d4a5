import type { Clock } from '@rivulet/core'
import { type Resolvers, withResolvers } from '../runtime/with-resolvers.js'
import type { Dispatcher } from './dispatcher.js'
import { EventIterator, type IteratorOptions, type Unread } from './event-iterator.js'
import type { HandlerList } from './handler-list.js'

type AnyIterator = Pick<EventIterator<unknown>, 'stop' | 'end' | 'unread' | 'isDone'>

/** Stream that the loops read. */
export interface LoopSource {
  /** Connects the stream. */
  onStart(): void
  /** Called when the last iterator has ended. */
  onIdle(): void
}

/** Time for the next loop to begin. Until then, a loop that was left holds the cursor back. */
const leftMs = 60_000

/** Iterators of a stream. They share a pause and a cursor, and a new loop takes over from the one before. */
export class Loops {
  readonly #dispatcher: Dispatcher
  readonly #clock: Clock
  readonly #source: LoopSource
  readonly #iterators = new Set<AnyIterator>()
  readonly #pausing = new Set<AnyIterator>()
  /** Iterators that may hold unread events, with the time from which these no longer hold the cursor back. */
  readonly #readers = new Map<AnyIterator, number>()
  /** Iterators of loops that were left, keyed by the handlers that they read. The next loop takes over from them. */
  readonly #left = new WeakMap<object, unknown>()
  #resumed: Resolvers | undefined

  constructor(dispatcher: Dispatcher, clock: Clock, source: LoopSource) {
    this.#dispatcher = dispatcher
    this.#clock = clock
    this.#source = source
  }

  /** Number of iterators that have not ended. */
  get size(): number {
    return this.#iterators.size
  }

  /** Settles when no iterator pauses the stream; `undefined` if none does. */
  get resumed(): Promise<void> | undefined {
    return this.#resumed?.promise
  }

  /** Cursor of the slowest iterator; `undefined` if none has unread events. */
  get cursor(): string | undefined {
    let slowest: Unread<unknown> | undefined
    const now = this.#clock.now()
    for (const [reader, until] of this.#readers) {
      const { unread } = reader
      if (reader.isDone || now >= until) this.#readers.delete(reader)
      else if (unread && (!slowest || unread.order < slowest.order)) slowest = unread
    }
    return slowest?.cursor
  }

  /** Leaves every loop. Unread events wait for the next one. */
  stop(): void {
    const iterators = [...this.#iterators]
    this.#iterators.clear()
    for (const iterator of iterators) iterator.stop()
  }

  /** Ends every loop after its unread events. A failure makes the loops throw. */
  end(failure: { error: unknown } | undefined): void {
    for (const iterator of this.#iterators) iterator.end(failure)
  }

  iterate<T>(handlers: HandlerList<T>, options: IteratorOptions): EventIterator<T> {
    const { signal, resume = true } = options
    const stop = () => iterator.stop()
    const left = (this.#left.get(handlers) ?? []) as EventIterator<T>[]
    this.#left.set(handlers, left)
    const iterator: EventIterator<T> = new EventIterator<T>(options, {
      onStart: () => this.#source.onStart(),
      onPause: (paused) => this.#onPause(iterator, paused),
      onEnd: () => {
        signal?.removeEventListener('abort', stop)
        if (this.#iterators.delete(iterator) && this.#iterators.size === 0) this.#source.onIdle()
      },
      onLeave: () => {
        left.push(iterator)
        this.#readers.set(iterator, this.#clock.now() + leftMs)
        // The next loop starts soon, or never. Until then, new events can only wait in this buffer.
        this.#onPause(iterator, true)
        void afterTurns(20).then(() => this.#onPause(iterator, false))
      },
      onRefuse: () => unsubscribe(),
    })
    const unsubscribe = handlers.add((value) => iterator.push(value, this.#dispatcher.order, this.#dispatcher.cursor))
    this.#iterators.add(iterator)
    this.#readers.set(iterator, Infinity)
    if (!resume) for (const old of left.splice(0)) old.drop()
    const before = left.pop()
    if (before && !iterator.takeOver(before)) this.#dispatcher.gap({ type: 'rivulet:gap', reason: 'lagged' })
    signal?.addEventListener('abort', stop)
    if (signal?.aborted) stop()
    return iterator
  }

  #onPause(iterator: AnyIterator, paused: boolean): void {
    if (paused) {
      this.#pausing.add(iterator)
      this.#resumed ??= withResolvers()
    } else {
      this.#pausing.delete(iterator)
      if (this.#pausing.size > 0) return
      this.#resumed?.resolve()
      this.#resumed = undefined
    }
  }
}

/** Waits for `count` microtasks. */
async function afterTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await undefined
}
