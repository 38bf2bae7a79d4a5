import type { History } from '../link/history.js'
import { headPrefix, type Keys } from '../link/keys.js'
import type { RedisLink } from '../link/redis-link.js'
import { type Script, script } from '../link/script.js'

/** The number of fields that one call looks at. */
const pageSize = 256

/** Makes Redis forget channels whose last event is too old, a page at a time: the fields of a hash do not expire. */
export class Sweeper {
  readonly #keys: Keys
  readonly #history: History
  readonly #intervalMs: number
  readonly #onError: (error: unknown) => void
  #cursor = '0'
  #timer: NodeJS.Timeout | undefined

  constructor(keys: Keys, history: History, intervalMs: number, onError: (error: unknown) => void) {
    this.#keys = keys
    this.#history = history
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
    const args = [this.#history.known, this.#cursor, pageSize, headPrefix, before, after]
    try {
      const [cursor] = await link.call(sweep, [this.#keys.clock], args)
      this.#cursor = cursor!
    } catch (error) {
      // The reconnector tells of the end of the link.
      if (!link.closed) this.#onError(error)
    }
  }
}

/**
 * Forgets the heads of channels that have expired and that nobody listens to.
 *
 * KEYS: clock. ARGV: known, cursor, number of fields to look at, prefix of a head's field, the parts of a live channel's name
 * before and after the channel's. → { cursor of the next call }
 */
export const sweep: Script = script(`
local page = redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
local before, gone = forgotten, {}
for index = 1, #page[2], 2 do
  local field, head = page[2][index], page[2][index + 1]
  local expiry = tonumber(string.match(head, '^%d+ %d+ (%d+) '))
  if string.sub(field, 1, #ARGV[4]) == ARGV[4] and expiry and expiry <= now then
    local live = ARGV[5] .. string.sub(field, #ARGV[4] + 1) .. ARGV[6]
    if redis.call('PUBSUB', 'NUMSUB', live)[2] == 0 then
      gone[#gone + 1] = field
      forgotten = math.max(forgotten, tonumber(string.match(head, '^%d+')))
    end
  end
end
if forgotten > before then redis.call('HSET', KEYS[1], 'f', text(forgotten)) end
if #gone > 0 then redis.call('HDEL', KEYS[1], unpack(gone)) end
return { page[1] }
`)
