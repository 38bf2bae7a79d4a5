import type { Keys } from './keys.js'
import type { Positions } from './positions.js'
import type { RedisLink } from './redis-link.js'
import { greet } from './scripts.js'

/** What a node does first on a new link: it makes sure that this Redis knows of no other history than the node. */
export class Greeting {
  readonly #keys: Keys
  readonly #positions: Positions
  readonly #trusting: boolean
  /** The Redis process of the link before. */
  #run: string | undefined

  constructor(keys: Keys, positions: Positions, afterRestart: 'gap' | 'trust') {
    this.#keys = keys
    this.#positions = positions
    this.#trusting = afterRestart === 'trust'
  }

  async on(link: RedisLink): Promise<void> {
    const { known, learnedAt } = this.#positions
    const learnedBeforeMs = performance.now() - learnedAt
    const found = await this.#greet(link, known)
    const moved = this.#run !== undefined && this.#run !== link.run
    // By time, as the clocks of the two differ, and by positions, as what we know must not reach into its history.
    const overlapped = found.begunBeforeMs >= learnedBeforeMs || found.origin <= known
    let { last, now } = found
    if (!this.#trusting && moved && overlapped) {
      // The server before went on after this one had begun: for a while there were two, each with events that the other
      // has not. What comes from now on follows neither.
      ;({ last, now } = await this.#greet(link, Math.max(last, known) + 1))
    }
    this.#run = link.run
    this.#positions.note(last)
    link.clockOffsetMs = now - performance.now()
  }

  async #greet(link: RedisLink, known: number) {
    const args = [known, link.run, this.#trusting ? 0 : 1, Date.now()]
    const reply = (await link.must(link.call(greet, [this.#keys.clock], args))).map(Number)
    const [last, origin, begunBeforeMs, now] = reply as [number, number, number, number]
    return { last, origin, begunBeforeMs, now }
  }
}
