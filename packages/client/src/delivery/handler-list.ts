import { development } from '../runtime/development.js'
import { ConfigurationError } from '../runtime/errors.js'
import { tell } from '../runtime/guard.js'

/** Takes an event. It may return a promise; a rejection goes to `onError`. */
export type EventHandler<Event> = (event: Event) => unknown

export interface SubscribeOptions {
  /** Unsubscribes when aborted. */
  signal?: AbortSignal
}

interface Entry<T> {
  readonly handler: (value: T) => unknown
  readonly once: boolean
  active: boolean
  remove: () => void
}

/** Handlers of one kind. An error in one does not affect the others. None is called after it is unsubscribed. */
export class HandlerList<T> {
  // Every change replaces the list, so a call in progress keeps its own.
  #entries: readonly Entry<T>[] = []
  #calling = false
  /** Values emitted while handlers were running. */
  #later: T[] = []

  get size(): number {
    return this.#entries.length
  }

  add(
    handler: (value: T) => unknown,
    { signal, once = false }: SubscribeOptions & { once?: boolean } = {},
  ): () => void {
    if (typeof handler !== 'function')
      throw new ConfigurationError('handler', handler, development ? 'Pass a function.' : '')
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

  /**
   * Calls the handlers in the order of their subscription. Their errors and rejections go to `report`. A value that a
   * handler emits is delivered after this one, to all handlers.
   */
  emit(value: T, report: (error: unknown) => void): void {
    if (this.#calling) {
      this.#later.push(value)
      return
    }
    if (this.#entries.length === 0) return
    this.#calling = true
    this.#call(value, report)
    while (this.#later.length > 0) this.#call(this.#later.shift() as T, report)
    this.#calling = false
  }

  #call(value: T, report: (error: unknown) => void): void {
    for (const entry of this.#entries) {
      if (!entry.active) continue
      if (entry.once) entry.remove()
      tell(entry.handler, value, report)
    }
  }
}
