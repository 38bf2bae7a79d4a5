import type { BaseEvent, EventDefinition } from '@rivulet/core'
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

/**
 * State behind one hook or composable. It folds events as they arrive, so that no backlog grows between two frames, and
 * replaces `result` once per frame. It has no effect until it subscribes, so a render may create one and discard it.
 *
 * An error thrown by the fold goes to the stream's `onError` once the store has subscribed.
 */
export class FoldStore<Result> implements FrameSubscriber {
  readonly binding: StreamBinding
  readonly definitions: readonly EventDefinition[]
  /** Result of no events. Render it on a server and while hydrating. */
  readonly initial: Result
  /** Result to show. Replaced, never changed. */
  result: Result
  readonly #fold: Fold<Result>
  readonly #types: readonly string[]
  /** Count of the binding's events that the fold has seen, until the store subscribes. */
  #seen: number | undefined
  #listener: ((result: Result) => void) | undefined
  #errors: unknown[] = []
  #subscribed = false
  #changed = false

  /**
   * @param after Count of the binding's events to skip: 0 begins with all that are kept, `binding.received` with the
   *   next event. `undefined` begins with the first event after `subscribe`.
   */
  constructor(
    binding: StreamBinding,
    definitions: readonly EventDefinition[],
    fold: Fold<Result>,
    after: number | undefined,
  ) {
    this.binding = binding
    this.definitions = definitions
    this.#types = [...new Set(definitions.map(({ type }) => type))]
    this.#fold = fold
    this.initial = fold.result()
    this.#seen = after
    this.result = this.#addUntil(binding.committed) ? fold.result() : this.initial
  }

  /** Tells whether it folds these types of this binding. Make a new store if not. */
  matches(binding: StreamBinding, definitions: readonly EventDefinition[]): boolean {
    return this.binding === binding && sameTypes(this.definitions, definitions)
  }

  /**
   * Folds new events until the returned function is called, and kept events from between the constructor and this call.
   * It may subscribe again afterwards, and then folds the kept events from in between.
   */
  subscribe(): () => void {
    const { binding } = this
    this.#subscribed = true
    // The others may have shown more events since the constructor.
    if (this.#addUntil(binding.committed)) this.result = this.#fold.result()
    if (this.#addUntil(binding.received)) {
      this.#changed = true
      binding.catchUp()
    }
    this.#seen = undefined
    this.#reportErrors()
    const stop = binding.subscribe(this)
    return () => {
      stop()
      this.#subscribed = false
      this.#seen = binding.received
    }
  }

  /**
   * Calls the listener with each new result, and at once if `result` is not the one that is rendered. One listener at a
   * time.
   *
   * @returns Stops the calls.
   */
  watch(rendered: Result, listener: (result: Result) => void): () => void {
    this.#listener = listener
    if (this.result !== rendered) listener(this.result)
    return () => {
      this.#listener = undefined
    }
  }

  take(event: BaseEvent): void {
    this.#changed = true
    this.#add(event)
    this.#reportErrors()
  }

  show(): void {
    if (!this.#changed) return
    this.#changed = false
    this.result = this.#fold.result()
    this.#listener?.(this.result)
  }

  /** Folds the kept events up to a count. Returns true if there were any. */
  #addUntil(count: number): boolean {
    if (this.#seen === undefined || count <= this.#seen) return false
    const missed = this.binding.kept(this.#types, this.#seen, count)
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
    if (this.#errors.length === 0 || !this.#subscribed) return
    for (const error of this.#errors.splice(0)) this.binding.report(error)
  }
}

/** A contract made inside a component has new definitions with each render, so only their types count. */
function sameTypes(a: readonly EventDefinition[], b: readonly EventDefinition[]): boolean {
  return a.length === b.length && a.every(({ type }, index) => type === b[index]!.type)
}

/** Turns one definition, or a list, into a list. */
export function listOf<Definition extends EventDefinition>(
  definitions: Definition | readonly Definition[],
): readonly Definition[] {
  return 'type' in definitions ? [definitions as Definition] : (definitions as readonly Definition[])
}
