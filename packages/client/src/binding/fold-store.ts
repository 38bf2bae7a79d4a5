import type { BaseEvent, EventDefinition } from '@rivulet/core'
import { callAll } from './next-frame.js'
import type { FrameSubscriber, StreamBinding } from './stream-binding.js'

/** Makes a result from events, one after the other. `Latest` and `Reduction` are folds. */
export interface Fold<Result> {
  /** Called with each event at once. If it throws, it MUST leave the fold unchanged: the event is skipped. */
  add(event: BaseEvent): void
  /**
   * Called at first, and then at most once per frame. MUST return another value if the result has changed, and MUST NOT
   * throw.
   */
  result(): Result
}

/** The events that a fold takes. */
export interface FoldSource {
  readonly definitions: readonly EventDefinition[]
  /** Selects the events of one channel. @default undefined: the events of all channels */
  readonly channel?: string | undefined
}

/**
 * State behind the components that show it. It folds events as they arrive, so that no backlog grows between two frames, and
 * replaces `result` once per frame. It has no effect until it subscribes, so a render may create one and discard it.
 *
 * An error thrown by the fold goes to the stream's `onError` once the store has subscribed.
 */
export class FoldStore<Result> implements FrameSubscriber {
  readonly binding: StreamBinding
  readonly source: FoldSource
  /** Result of no events. Render it on a server and while hydrating. */
  readonly initial: Result
  /** Result to show. Replaced, never changed. */
  result: Result
  #fold: Fold<Result>
  readonly #types: readonly string[]
  /** Count of the binding's events that the fold has seen, while it is not subscribed. */
  #seen: number
  /** Counts of the binding's events, received and committed, when it was created or left. */
  #idle: readonly [received: number, committed: number]
  readonly #listeners = new Set<() => void>()
  #errors: unknown[] = []
  #users = 0
  #changed = false
  #stop = () => {}

  /**
   * @param after Count of the binding's events to skip: 0 begins with all that are kept, `binding.received` with the
   *   next event.
   */
  constructor(binding: StreamBinding, source: FoldSource, fold: Fold<Result>, after: number) {
    this.binding = binding
    this.source = source
    this.#types = [...new Set(source.definitions.map(({ type }) => type))]
    this.#fold = fold
    this.initial = fold.result()
    this.#seen = after
    this.#idle = [binding.received, binding.committed]
    this.result = this.#addUntil(binding.committed) ? fold.result() : this.initial
  }

  get definitions(): readonly EventDefinition[] {
    return this.source.definitions
  }

  /** Number of subscriptions. */
  get users(): number {
    return this.#users
  }

  /** Tells whether a new store would have the same result. */
  get isCurrent(): boolean {
    const [received, committed] = this.#idle
    return this.#users > 0 || (received === this.binding.received && committed === this.binding.committed)
  }

  /**
   * Folds new events until each returned function is called, and at first the kept events from between the constructor and
   * this call. It may subscribe again afterwards, and then folds the kept events from in between.
   *
   * @returns Ends the subscription. Call it once.
   */
  subscribe(): () => void {
    if (this.#users++ === 0) this.#start()
    return () => {
      if (--this.#users > 0) return
      const { binding } = this
      this.#stop()
      this.#seen = binding.received
      this.#idle = [binding.received, binding.committed]
    }
  }

  /** Calls the listener when `result` is replaced. Returns its undo. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Result of all events so far, even of those that the next frame will show. */
  latest(): Result {
    return this.#fold.result()
  }

  /** Goes on with another fold from the next event on. */
  refold(fold: Fold<Result>): void {
    this.#fold = fold
  }

  take(event: BaseEvent): void {
    if (!isOn(this.source.channel, event)) return
    this.#changed = true
    this.#add(event)
    this.#reportErrors()
  }

  show(): void {
    if (!this.#changed) return
    this.#changed = false
    this.result = this.#fold.result()
    callAll([...this.#listeners])
  }

  #start(): void {
    const { binding } = this
    // The others may have shown more events since the constructor.
    if (this.#addUntil(binding.committed)) this.result = this.#fold.result()
    if (this.#addUntil(binding.received)) {
      this.#changed = true
      binding.catchUp()
    }
    this.#reportErrors()
    this.#stop = binding.subscribe(this)
  }

  /** Folds the kept events up to a count. Returns true if there were any. */
  #addUntil(count: number): boolean {
    if (count <= this.#seen) return false
    const { channel } = this.source
    const missed = this.binding.kept(this.#types, this.#seen, count).filter((event) => isOn(channel, event))
    for (const event of missed) this.#add(event)
    this.#seen = count
    return missed.length > 0
  }

  #add(event: BaseEvent): void {
    try {
      this.#fold.add(event)
    } catch (error) {
      this.#errors.push(error)
    }
  }

  /** Reports only after the store has subscribed: a render may be dropped and repeated. */
  #reportErrors(): void {
    if (this.#errors.length === 0 || this.#users === 0) return
    for (const error of this.#errors.splice(0)) this.binding.report(error)
  }
}

/** Tells whether an event is on a channel. Every event is on `undefined`. */
export function isOn(channel: string | undefined, event: BaseEvent): boolean {
  return channel === undefined || (event.channel ?? 'default') === channel
}

/** Compares two sources. A contract made inside a component has new definitions with each render, so only their types count. */
export function sameSource(a: FoldSource, b: FoldSource): boolean {
  const { definitions } = b
  return (
    a.channel === b.channel &&
    a.definitions.length === definitions.length &&
    a.definitions.every(({ type }, index) => type === definitions[index]!.type)
  )
}

/** Turns one definition, or a list, into a list. */
export function listOf<Definition extends EventDefinition>(
  definitions: Definition | readonly Definition[],
): readonly Definition[] {
  return 'type' in definitions ? [definitions as Definition] : (definitions as readonly Definition[])
}
