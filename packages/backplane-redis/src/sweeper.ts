import { headPrefix, type Keys } from './keys.js'
import type { Positions } from './positions.js'
import type { RedisLink } from './redis-link.js'
import { sweep } from './scripts.js'

/** How many fields one call looks at. */
const pageSize = 256

/** Has Redis forget channels whose last event is too old, a page at a time: its hashes do not do so by themselves. */
export class Sweeper {
  readonly #keys: Keys
  readonly #positions: Positions
  readonly #intervalMs: number
  readonly #onError: (error: unknown) => void
  #cursor = '0'
  #timer: NodeJS.Timeout | undefined

  constructor(keys: Keys, positions: Positions, intervalMs: number, onError: (error: unknown) => void) {
    this.#keys = keys
    this.#positions = positions
    this.#intervalMs = intervalMs
    this.#onError = onError
  }

  up(link: RedisLink): void {
    this.#timer = setInterval(() => void this.#sweep(link), this.#intervalMs)
  }

  down(): void {
    clearInterval(this.#timer)
  }

  async #sweep(link: RedisLink): Promise<void> {
    const [before, after] = link.local(this.#keys.live('\0')).split('\0') as [string, string]
    const args = [this.#positions.known, this.#cursor, pageSize, headPrefix, before, after]
    try {
      const [cursor] = await link.call(sweep, [this.#keys.clock], args)
      this.#cursor = cursor!
    } catch (error) {
      // The end of the link is told by others.
      if (!link.closed) this.#onError(error)
    }
  }
}
