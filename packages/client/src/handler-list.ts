export interface SubscribeOptions {
  /** Unsubscribes when it aborts. */
  signal?: AbortSignal
}

interface Entry<T> {
  readonly handler: (value: T) => unknown
  readonly once: boolean
  active: boolean
  remove: () => void
}

/** Handlers of one kind. Each is called whatever the others do, and none after its unsubscription. */
export class HandlerList<T> {
  // Replaced by every change, so that a call in progress keeps to the list that it began with.
  #entries: readonly Entry<T>[] = []

  get size(): number {
    return this.#entries.length
  }

  add(
    handler: (value: T) => unknown,
    { signal, once = false }: SubscribeOptions & { once?: boolean } = {},
  ): () => void {
    if (signal?.aborted) return () => {}
    const remove = () => {
      entry.active = false
      this.#entries = this.#entries.filter((other) => other !== entry)
      signal?.removeEventListener('abort', remove)
    }
    const entry: Entry<T> = { handler, once, active: true, remove }
    this.#entries = [...this.#entries, entry]
    signal?.addEventListener('abort', remove)
    return remove
  }

  /** Removes every subscription of this handler. */
  delete(handler: (value: T) => unknown): void {
    for (const entry of this.#entries) if (entry.handler === handler) entry.remove()
  }

  /** Calls the handlers in the order of their subscription until `run` is cancelled. What they throw or reject with goes to `report`. */
  emit(value: T, report: (error: unknown) => void, run?: { readonly cancelled: boolean }): void {
    if (this.#entries.length === 0) return
    for (const entry of this.#entries) {
      if (run?.cancelled) return
      if (!entry.active) continue
      if (entry.once) entry.remove()
      try {
        const result = entry.handler(value)
        if (result instanceof Promise) result.catch(report)
      } catch (error) {
        report(error)
      }
    }
  }
}
