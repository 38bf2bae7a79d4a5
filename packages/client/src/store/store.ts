import { callAll } from '../binding/next-frame.js'

/** Takes the values of a store: a function, or an object with `next`, as Angular and RxJS have it. */
export type StoreObserver<Value> = ((value: Value) => void) | { next?: ((value: Value) => void) | undefined }

/** Ends a subscription. Further calls do nothing. */
export interface Unsubscribe {
  (): void
  /** The same, for Angular and RxJS. */
  unsubscribe(): void
}

/**
 * A value that changes, as most frameworks take it: Svelte's `$store`, Solid's `from`, Angular's `toSignal`, and
 * `useSyncExternalStore` of Preact and React. Both methods can be passed on as functions.
 */
export interface Store<Value> {
  /** Returns the present value: the same one until it changes. */
  readonly get: () => Value
  /** Calls the observer with the present value at once, and then with each new one. */
  readonly subscribe: (observer: StoreObserver<Value>) => Unsubscribe
}

/**
 * Makes a store.
 *
 * @param read Returns the present value: the same one until it changes.
 * @param start Called with the first subscription. Gets the function to call after a change, and returns what to call after
 *   the last subscription has ended.
 */
export function createStore<Value>(read: () => Value, start: (changed: () => void) => () => void): Store<Value> {
  const runs = new Set<(value: Value) => void>()
  let stop = () => {}
  let shown: Value
  const changed = (): void => {
    const value = read()
    if (Object.is(value, shown)) return
    shown = value
    callAll([...runs].map((run) => () => runs.has(run) && run(value)))
  }
  return {
    get: read,
    subscribe(observer) {
      const run = (value: Value): void => {
        if (typeof observer === 'function') observer(value)
        else observer.next?.(value)
      }
      const unsubscribe = (): void => {
        if (runs.delete(run) && runs.size === 0) stop()
      }
      const isFirst = runs.size === 0
      if (isFirst) stop = start(changed)
      runs.add(run)
      const value = read()
      try {
        // A change that the others were not told of yet.
        if (!isFirst && !Object.is(value, shown)) changed()
        else {
          shown = value
          run(value)
        }
      } catch (error) {
        unsubscribe()
        throw error
      }
      return Object.assign(unsubscribe, { unsubscribe })
    },
  }
}
