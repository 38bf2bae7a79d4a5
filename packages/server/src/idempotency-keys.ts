import type { PublishResult } from './backplane.js'

/** The results of recent publishes by key. What is older than the window goes when the next one comes. */
export class IdempotencyKeys {
  readonly #windowMs: number
  /** In order of time: a key is never written twice within the window. */
  readonly #results = new Map<string, { readonly result: PublishResult; readonly at: number }>()

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  get(channel: string, key: string, now: number): PublishResult | undefined {
    for (const [name, { at }] of this.#results) {
      if (now - at < this.#windowMs) break
      this.#results.delete(name)
    }
    return this.#results.get(nameOf(channel, key))?.result
  }

  set(channel: string, key: string, result: PublishResult, now: number): void {
    this.#results.set(nameOf(channel, key), { result: { ...result, duplicate: true }, at: now })
  }
}

// The length keeps ('a', 'b:c') and ('a:b', 'c') apart.
function nameOf(channel: string, key: string): string {
  return `${channel.length}:${channel}:${key}`
}
