import type { Clock } from '@rivulet/core'
import type { BackplaneMessage } from '../backplane/backplane.js'
import { Retry } from './retry.js'

interface Sent {
  readonly message: BackplaneMessage
  resolve(): void
  reject(error: unknown): void
}

export interface OutboxOptions {
  readonly clock: Clock
  /** Appends messages, or returns false when the store refuses to. Sending the same again is safe. */
  readonly append: (ordinal: number, messages: readonly BackplaneMessage[]) => Promise<boolean>
  /** The store refused. It is over then, or is told so. */
  readonly onRefused: () => void
  /** The time for which sending is retried, in milliseconds. */
  readonly retryForMs: number
}

/** Maximum number of messages, and of characters after the first message, per call. */
const maxMessages = 256
const maxChars = 262_144

/**
 * Sends the output of one producer to the store, in order: one batch at a time, so that it can be sent again when the answer
 * was lost.
 */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #waiting: Sent[] = []
  readonly #retry: Retry
  #ordinal = 0
  #sending = false
  #over: { readonly error: unknown } | undefined

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#retry = new Retry(options.clock)
  }

  /** Resolves when it is stored. */
  send(message: BackplaneMessage): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#over) {
        reject(this.#over.error)
        return
      }
      this.#waiting.push({ message, resolve, reject })
      if (!this.#sending) void this.#work()
    })
  }

  /** @throws The error that ended it: something that was sent is not stored. */
  check(): void {
    if (this.#over) throw this.#over.error
  }

  /** Sends nothing more: rejects all waiting and later messages. */
  end(error: unknown): void {
    if (this.#over) return
    this.#over = { error }
    this.#retry.stop()
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  async #work(): Promise<void> {
    const { append, onRefused, retryForMs } = this.#options
    this.#sending = true
    while (this.#waiting.length > 0) {
      const batch = this.#batch()
      try {
        const messages = batch.map(({ message }) => message)
        const stored = await this.#retry.run(() => append(this.#ordinal, messages), retryForMs)
        if (this.#over) return
        if (!stored) {
          onRefused()
          return
        }
      } catch (error) {
        // Part of it may have been stored: nothing can follow it.
        this.end(error)
        return
      }
      this.#ordinal += batch.length
      for (const { resolve } of this.#waiting.splice(0, batch.length)) resolve()
    }
    this.#sending = false
  }

  #batch(): readonly Sent[] {
    let chars = 0
    let count = 0
    for (const { message } of this.#waiting) {
      chars += message.data.length
      if (count > 0 && (count === maxMessages || chars > maxChars)) break
      count++
    }
    return this.#waiting.slice(0, count)
  }
}
