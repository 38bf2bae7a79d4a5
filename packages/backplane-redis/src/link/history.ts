import type { Keys } from './keys.js'
import type { RedisLink } from './redis-link.js'
import { type Script, script } from './script.js'

/**
 * The history of the namespace as far as this node knows it: a Redis that knows less has lost some of it.
 *
 * A history begins at its origin and ends where events were lost. Positions of an earlier history vouch for nothing.
 */
export class History {
  /** The highest position that this node has seen. */
  known = 0
  readonly #keys: Keys
  readonly #trusting: boolean
  /** The time at which this node last learned of a publish, by `performance.now()`. */
  #learnedAt = 0
  /** The Redis process of the previous link. */
  #runId: string | undefined

  constructor(keys: Keys, afterRestart: 'gap' | 'trust') {
    this.#keys = keys
    this.#trusting = afterRestart === 'trust'
  }

  note(position: number): void {
    if (position <= this.known) return
    this.known = position
    this.#learnedAt = performance.now()
  }

  /** Notes that an event without a position was published. */
  noteLiveOnly(): void {
    this.#learnedAt = performance.now()
  }

  /** Comes first on a new link: makes sure that this Redis has the history that the node knows, or begins another one. */
  async greet(link: RedisLink): Promise<void> {
    const { known } = this
    const learnedBeforeMs = performance.now() - this.#learnedAt
    const found = await this.#greet(link, known)
    const moved = this.#runId !== undefined && this.#runId !== link.runId
    // By time, because the clocks of the two servers differ, and by positions, because the known ones must not reach into
    // the new history.
    const overlapped = found.begunBeforeMs >= learnedBeforeMs || found.origin <= known
    let { last, now } = found
    if (!this.#trusting && moved && overlapped) {
      // The previous server went on after this one had begun. For a while there were two, each with events that the other
      // lacks, so the events from now on follow neither history.
      ;({ last, now } = await this.#greet(link, Math.max(last, known) + 1))
    }
    this.#runId = link.runId
    this.note(last)
    link.clockOffsetMs = now - performance.now()
  }

  async #greet(link: RedisLink, known: number) {
    const args = [known, link.runId, this.#trusting ? 0 : 1, Date.now()]
    const reply = (await link.must(link.call(greet, [this.#keys.clock], args))).map(Number)
    const [last, origin, begunBeforeMs, now] = reply as [number, number, number, number]
    return { last, origin, begunBeforeMs, now }
  }
}

/**
 * KEYS: clock. ARGV: known, run ID of the Redis process, 1 if another process than the last one counts as a loss, the
 * node's time in ms. → { last, origin, age of the origin in ms, now }
 */
export const greet: Script = script(`
-- The clock of a server that has lost its data may have gone back too: earlier positions must lie before the origin.
if began then
  last = math.max(last, math.min(tonumber(ARGV[4]), now + 86400000) * 1024)
  origin = last
  redis.call('HSET', KEYS[1], 's', text(last), 'o', text(origin), 't', text(now))
end
local run = redis.call('HGET', KEYS[1], 'r')
if run ~= ARGV[2] then
  if run and ARGV[3] == '1' then
    last = math.max(last + 1, told + 1, now * 1024)
    origin = last
    redis.call('HSET', KEYS[1], 's', text(last), 'o', text(origin), 't', text(now))
  end
  redis.call('HSET', KEYS[1], 'r', ARGV[2])
end
return { text(last), text(origin), text(now - tonumber(redis.call('HGET', KEYS[1], 't') or now)), text(now) }
`)
