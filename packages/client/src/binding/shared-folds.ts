import { type Fold, type FoldSource, FoldStore, sameSource } from './fold-store.js'
import type { StreamBinding } from './stream-binding.js'

/** Makes folds. Components whose recipes have the same key share one. */
export interface FoldRecipe<Result> {
  /** Everything that the result depends on beside the events. Compared entry by entry, by identity. */
  readonly key: readonly [unknown, ...unknown[]]
  create(): Fold<Result>
  /** Makes a fold that goes on from a result. */
  resume(result: Result): Fold<Result>
}

interface Entry {
  readonly store: AnyStore
  readonly key: readonly [unknown, ...unknown[]]
  readonly after: number
}

type AnyStore = FoldStore<unknown>

/** Number of unused stores to remember. A render may make some and be discarded. */
const maxUnused = 256

const shared = new WeakMap<StreamBinding, SharedFolds>()

/** Returns the stores that the components of a binding share. */
export function sharedFolds(binding: StreamBinding): SharedFolds {
  let folds = shared.get(binding)
  if (!folds) {
    folds = new SharedFolds(binding)
    shared.set(binding, folds)
  }
  return folds
}

/** One store for all components of a binding that fold the same events in the same way. */
export class SharedFolds {
  readonly #binding: StreamBinding
  readonly #entries = new WeakMap<AnyStore, Entry>()
  /** By the first part of their keys. */
  readonly #used = new Map<unknown, Set<Entry>>()
  /** Stores of components that are being rendered. */
  #unused: Entry[] = []

  constructor(binding: StreamBinding) {
    this.#binding = binding
  }

  /** Returns the store that others use or are about to use, or else a new one. */
  find<Result>(source: FoldSource, recipe: FoldRecipe<Result>, after: number): FoldStore<Result> {
    const { key } = recipe
    // The others would show something else: new events have come.
    this.#unused = this.#unused.filter(({ store }) => store.isCurrent)
    for (const entry of [...(this.#used.get(key[0]) ?? []), ...this.#unused]) {
      if (entry.after !== after || !sameKey(entry.key, key) || !sameSource(entry.store.source, source)) continue
      return entry.store as FoldStore<Result>
    }
    const store = new FoldStore(this.#binding, source, recipe.create(), after)
    const entry = { store: store as AnyStore, key, after }
    this.#entries.set(entry.store, entry)
    this.#unused.push(entry)
    if (this.#unused.length > maxUnused) this.#unused.shift()
    return store
  }

  /** Subscribes a store, and lets others share it while it is in use. Returns its undo. */
  use<Result>(store: FoldStore<Result>): () => void {
    const stop = store.subscribe()
    const entry = this.#entries.get(store as AnyStore)
    if (entry) {
      this.#unused = this.#unused.filter((unused) => unused !== entry)
      const bucket = this.#used.get(entry.key[0]) ?? new Set()
      this.#used.set(entry.key[0], bucket.add(entry))
    }
    return () => {
      stop()
      if (store.users === 0 && entry) this.#forget(entry)
    }
  }

  /** Tells whether others may share a store. */
  shares<Result>(store: FoldStore<Result>): boolean {
    return this.#entries.has(store as AnyStore)
  }

  /** Lets nobody else share a store from now on. */
  withdraw<Result>(store: FoldStore<Result>): void {
    const entry = this.#entries.get(store as AnyStore)
    if (!entry) return
    this.#entries.delete(entry.store)
    this.#forget(entry)
  }

  #forget(entry: Entry): void {
    const bucket = this.#used.get(entry.key[0])
    bucket?.delete(entry)
    if (bucket?.size === 0) this.#used.delete(entry.key[0])
  }
}

/** Tells whether two keys of recipes are the same. */
export function sameKey(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((part, index) => Object.is(part, b[index]))
}
