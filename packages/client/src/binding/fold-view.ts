import { checkBindingOptions } from '../check-options.js'
import { type Fold, type FoldSource, FoldStore, sameSource } from './fold-store.js'
import { cancelFrame, nextFrame } from './next-frame.js'
import { type FoldRecipe, sameKey, sharedFolds } from './shared-folds.js'
import type { StreamBinding } from './stream-binding.js'

export interface FoldViewOptions {
  /** Begins with the events that the binding has kept. @default false */
  replay?: boolean
  /** Without `replay`: count of the binding's events to skip. @default those received before `subscribe` */
  after?: number
}

/** A result, and the count of the binding's events at which it was shown. */
export interface CountedResult<Result> {
  readonly result: Result
  readonly count: number
}

/**
 * Result behind one hook or composable. Components that ask for the same share one `FoldStore`. It has no effect until it
 * subscribes, so a render may create one and discard it.
 */
export class FoldView<Result> {
  readonly binding: StreamBinding
  readonly source: FoldSource
  /** Result of no events. Render it on a server and while hydrating. */
  readonly initial: Result
  #result: Result
  /** Results that the page may not show yet, oldest first, after the one that it shows. */
  #shown: [CountedResult<Result>, ...CountedResult<Result>[]]
  readonly #replay: boolean
  readonly #after: number | undefined
  /** Recipe of the store. */
  #made: FoldRecipe<Result>
  /** Recipe of the latest render. */
  #wanted: FoldRecipe<Result>
  #store: FoldStore<Result> | undefined
  /** Nobody else has the store. */
  #owns = false
  /** Count of the binding's events when it unsubscribed. */
  #leftAt: number | undefined
  /** Unsubscribes. `undefined` if it is not subscribed. */
  #leave: (() => void) | undefined
  #listener: ((result: Result) => void) | undefined
  #throttleMs = 0
  #shownAt = Number.NEGATIVE_INFINITY
  #timer: unknown

  constructor(
    binding: StreamBinding,
    source: FoldSource,
    recipe: FoldRecipe<Result>,
    { replay = false, after }: FoldViewOptions = {},
  ) {
    this.binding = binding
    this.source = source
    this.#made = this.#wanted = recipe
    this.#replay = replay
    this.#after = replay ? 0 : after
    if (this.#after === undefined) {
      this.initial = this.#result = recipe.create().result()
    } else {
      this.#store = sharedFolds(binding).find(source, recipe, this.#after)
      this.initial = this.#store.initial
      this.#result = this.#store.result
    }
    this.#shown = [{ result: this.#result, count: 0 }]
  }

  /** Result to show. Replaced, never changed. */
  get result(): Result {
    return this.#result
  }

  /** The result that the page shows. A component that does not render every result begins with it if it renders. */
  get committed(): CountedResult<Result> {
    const { committed } = this.binding
    while (this.#shown[1] && this.#shown[1].count <= committed) this.#shown.shift()
    return this.#shown[0]
  }

  #show(result: Result): void {
    // Forgets those before it.
    void this.committed
    this.#shown.push({ result, count: this.binding.received })
    this.#result = result
  }

  /** Result of all events so far, even of those that the next frame will show. */
  latest(): Result {
    return this.#store && this.#leave ? this.#store.latest() : this.#result
  }

  /** Goes on with another fold, made from `latest()`, and shows its result with the next frame. */
  refold(resume: (latest: Result) => Fold<Result>): void {
    const { binding, source } = this
    const fold = resume(this.latest())
    const leave = this.#leave
    leave?.()
    this.#owns = true
    this.#store = new FoldStore(binding, source, fold, binding.received)
    if (leave) {
      this.#join(this.#store)
      nextFrame(this.#offer)
      return
    }
    this.#leftAt = binding.received
    this.#show(fold.result())
    if (this.#listener) nextFrame(this.#tell)
  }

  /** Tells whether it shows these events. Make a new view if not. */
  matches(binding: StreamBinding, source: FoldSource): boolean {
    return this.binding === binding && sameSource(this.source, source)
  }

  /** Follows another recipe from the next event on: a changed reducer, another limit. */
  use(recipe: FoldRecipe<Result>): void {
    this.#wanted = recipe
    if (this.#leave) this.#follow()
  }

  /**
   * Sets the least time between two results, in milliseconds. The last result always comes. 0, the initial value, shows one
   * per frame.
   *
   * @throws {ConfigurationError} if it is not such a number.
   */
  throttle(throttleMs: number): void {
    if (throttleMs === this.#throttleMs) return
    checkBindingOptions({ throttleMs })
    this.#throttleMs = throttleMs
    if (this.#timer === undefined) return
    this.#cancel()
    nextFrame(this.#offer)
  }

  /**
   * Listens to the events until the returned function is called, and then keeps its result. It may subscribe again
   * afterwards: with `replay` it then goes on with the events that the binding has kept in between, else with the next one.
   *
   * @returns Stops listening. Call it once.
   */
  subscribe(): () => void {
    if (this.#leftAt === undefined) this.#begin()
    else this.#goOn(this.#leftAt)
    this.#follow()
    return () => {
      const { binding } = this
      this.#leave!()
      this.#leave = undefined
      this.#leftAt = binding.received
      const latest = this.#store!.latest()
      if (latest === this.result) return
      this.#show(latest)
      if (this.#listener) nextFrame(this.#tell)
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
      cancelFrame(this.#tell)
    }
  }

  #begin(): void {
    const { binding, source } = this
    // Looks again: a store that was made while rendering may have been outrun by events.
    this.#join(sharedFolds(binding).find(source, this.#made, this.#after ?? binding.received))
    const { result } = this.#store!
    if (result === this.result) return
    this.#show(result)
    if (this.#listener) nextFrame(this.#tell)
  }

  #goOn(leftAt: number): void {
    const { binding, source } = this
    const { received } = binding
    const isSame = leftAt === received && (this.#owns || sharedFolds(binding).shares(this.#store!))
    if (isSame) this.#join(this.#store!)
    else {
      this.#owns = true
      this.#join(new FoldStore(binding, source, this.#made.resume(this.result), this.#replay ? leftAt : received))
    }
  }

  #join(store: FoldStore<Result>): void {
    this.#store = store
    const leave = sharedFolds(this.binding).use(store)
    const unwatch = store.watch(this.#offer)
    this.#leave = () => {
      unwatch()
      leave()
      this.#cancel()
    }
  }

  /** Goes on with the recipe of the latest render. The others stay with theirs. */
  #follow(): void {
    const { binding, source } = this
    const recipe = this.#wanted
    if (sameKey(recipe.key, this.#made.key)) return
    this.#made = recipe
    const store = this.#store!
    const fold = recipe.resume(store.latest())
    this.#owns = true
    if (store.users === 1) {
      sharedFolds(binding).withdraw(store)
      store.refold(fold)
      return
    }
    this.#leave!()
    this.#join(new FoldStore(binding, source, fold, binding.received))
    // The old store may have been about to show something.
    nextFrame(this.#offer)
  }

  /** Shows the result of the store, now or when it is time. */
  readonly #offer = (): void => {
    if (this.#timer !== undefined) return
    const { clock } = this.binding.service
    // The wall clock may have been set back.
    const waitMs = Math.min(this.#throttleMs, this.#shownAt + this.#throttleMs - clock.now())
    if (waitMs > 0) this.#timer = clock.setTimeout(() => nextFrame(this.#update), waitMs)
    else this.#update()
  }

  readonly #update = (): void => {
    this.#cancel()
    const { result } = this.#store!
    if (result === this.result) return
    this.#shownAt = this.binding.service.clock.now()
    this.#show(result)
    this.#tell()
  }

  readonly #tell = (): void => this.#listener?.(this.result)

  #cancel(): void {
    this.binding.service.clock.clearTimeout(this.#timer)
    this.#timer = undefined
    cancelFrame(this.#offer)
    cancelFrame(this.#update)
  }
}
