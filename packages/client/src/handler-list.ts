export interface SubscribeOptions {
  /** Unsubscribes when it aborts. */
  signal?: AbortSignal
}

interface Entry<T> {
  readonly handler: (value: T) => unknown
  readonly once: boolean
  active: boolean
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
    const entry: Entry<T> = { handler, once, active: true }
    this.#entries = [...this.#entries, entry]
    const remove = () => {
      if (!entry.active) return
      this.#remove(entry)
      signal?.removeEventListener('abort', remove)
    }
    signal?.addEventListener('abort', remove)
    return remove
  }

  /** Removes every subscription of this handler. */
  delete(handler: (value: T) => unknown): void {
    for (const entry of this.#entries) if (entry.handler === handler) this.#remove(entry)
  }

  /** Calls the handlers in the order of their subscription until `run` is cancelled. What they throw or reject with goes to `report`. */
  emit(value: T, report: (error: unknown) => void, run?: { readonly cancelled: boolean }): void {
    for (const entry of this.#entries) {
      if (run?.cancelled) return
      if (!entry.active) continue
      if (entry.once) this.#remove(entry)
      try {
        const result = entry.handler(value)
        if (result instanceof Promise) result.catch(report)
      } catch (error) {
        report(error)
      }
    }
  }

  #remove(entry: Entry<T>): void {
    entry.active = false
    this.#entries = this.#entries.filter((other) => other !== entry)
  }
}
