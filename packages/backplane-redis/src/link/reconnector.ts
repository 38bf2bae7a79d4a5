import { BackplaneUnavailableError, RedisSetupError } from './errors.js'
import type { RedisLink } from './redis-link.js'

/**
 * Keeps one link up: opens it when it is first needed, and again whenever it ends.
 *
 * Operations wait only for the very first attempt to connect. Later, without a link, they fail at once: nothing is queued, so
 * an outage takes no memory and answers are fast.
 */
export class Reconnector {
  link: RedisLink | undefined
  readonly #open: () => Promise<RedisLink>
  readonly #onUp: (link: RedisLink) => void
  readonly #onDown: (error: Error) => void
  #first: Promise<RedisLink> | undefined
  #error: Error | undefined
  #attempts = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false

  /** @param onDown Called when the link ends, and when an attempt to open one fails. */
  constructor(open: () => Promise<RedisLink>, onUp: (link: RedisLink) => void, onDown: (error: Error) => void) {
    this.#open = open
    this.#onUp = onUp
    this.#onDown = onDown
  }

  /** Connects, unless that has begun already. */
  start(): void {
    if (this.#first || this.#closed) return
    this.#first = this.#connect()
    this.#first.catch(() => {})
  }

  /**
   * @throws {BackplaneUnavailableError} (by rejecting) without a link, or if it ends before the answer.
   * @throws {RedisSetupError} (by rejecting) if there is no link because of the setup of Redis.
   */
  async use<T>(operation: BackplaneUnavailableError['operation'], action: (link: RedisLink) => Promise<T>): Promise<T> {
    this.start()
    try {
      if (this.link) return await action(this.link)
      if (this.#error || !this.#first) throw this.#error ?? closedError()
      return await action(await this.#first)
    } catch (error) {
      if (error instanceof RedisSetupError) throw error
      const { message } = error as Error
      throw new BackplaneUnavailableError(operation, message, { cause: error })
    }
  }

  async #connect(): Promise<RedisLink> {
    try {
      const link = await this.#open()
      if (this.#closed) {
        link.close(closedError())
        throw closedError()
      }
      if (link.closed) throw link.closed
      this.link = link
      this.#error = undefined
      this.#attempts = 0
      link.onClose = (error) => this.#lost(error)
      this.#onUp(link)
      return link
    } catch (error) {
      this.#lost(error as Error)
      throw error
    }
  }

  #lost(error: Error): void {
    this.link = undefined
    this.#error = error
    if (this.#closed) return
    this.#onDown(error)
    // Random, so that the nodes do not come back all at once: 50 to 100 ms at first, 1.5 to 3 s later on.
    const delayMs = Math.min(3000, 100 * 2 ** this.#attempts++) * (0.5 + Math.random() / 2)
    this.#timer = setTimeout(() => void this.#connect().catch(() => {}), delayMs)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.link?.close(closedError())
    this.link = undefined
    this.#error = closedError()
  }
}

function closedError(): Error {
  return new Error('The backplane is closed.')
}
