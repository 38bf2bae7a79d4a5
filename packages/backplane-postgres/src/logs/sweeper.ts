import type { Database } from '../database/database.js'
import { toText } from '../database/text.js'
import { type Bounds, finite, graceMs } from './bounds.js'

/**
 * Time between two sweeps, in milliseconds. It doubles while nothing is published or dropped. Reads leave dropped events out
 * by themselves.
 */
const intervalMs = 10_000
const maxIntervalMs = 320_000
/** Rows that one statement drops, and channels that it looks at. */
const rowsPerStep = 1_000
const channelsPerStep = 100
/** Time for which the last position of a channel without events is known, in milliseconds. */
const forgetMs = 7 * 24 * 3_600_000

export interface SweeperOptions {
  readonly database: Database
  readonly windowMs: number
  readonly boundsOf: (channel: string) => Bounds
  /** Receives the error of a sweep that failed, and `undefined` after one that did not. */
  readonly onResult: (error: unknown) => void
}

/** Drops expired items, in small steps that do not hold up publishing. */
export class Sweeper {
  readonly #options: SweeperOptions
  /** Channels that this node published to since the last sweep. */
  readonly #touched = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #intervalMs = intervalMs
  #closed = false

  constructor(options: SweeperOptions) {
    this.#options = options
  }

  /** Notes that a channel was published to, here or (`undefined`) by another node. */
  touch(channel: string | undefined): void {
    if (channel !== undefined) this.#touched.add(channel)
    if (this.#intervalMs > intervalMs) clearTimeout(this.#timer)
    else if (this.#timer) return
    this.#intervalMs = intervalMs
    this.#wait()
  }

  #wait(): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => void this.#run(), this.#intervalMs * (0.75 + Math.random() / 2))
    this.#timer.unref()
  }

  async #run(): Promise<void> {
    const busy = this.#touched.size > 0
    try {
      const dropped = await this.sweep()
      this.#intervalMs = busy || dropped > 0 ? intervalMs : Math.min(this.#intervalMs * 2, maxIntervalMs)
      this.#options.onResult(undefined)
    } catch (error) {
      if (!this.#closed) this.#options.onResult(error)
    }
    this.#wait()
  }

  /** Applies the bounds of touched channels, then drops all expired items. @returns The number of dropped items. */
  async sweep(grace: number = graceMs): Promise<number> {
    let total = 0
    const { database, windowMs, boundsOf } = this.#options
    const channels = [...this.#touched]
    for (let index = 0; index < channels.length && !this.#closed; index += channelsPerStep) {
      const some = channels.slice(index, index + channelsPerStep)
      const requests = some.map((channel) => {
        const { maxEvents, maxBytes } = boundsOf(channel)
        return { c: toText(channel), e: finite(maxEvents), b: finite(maxBytes) }
      })
      await database.call('forget', 'trim', JSON.stringify(requests), database.waitMs)
      for (const channel of some) this.#touched.delete(channel)
    }
    for (let dropped = 1; dropped > 0 && !this.#closed; ) {
      const [row] = await database.call('forget', 'sweep', grace, windowMs, forgetMs, rowsPerStep)
      dropped = Number(row!.sweep)
      total += dropped
    }
    return total
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }
}
