import { RedisSetupError } from './errors.js'
import type { ServerInfo } from './server-info.js'

/** Refuses a server that evicts keys when its memory is full, or warns of it once. */
export class EvictionCheck {
  readonly #reaction: 'refuse' | 'warn'
  #warned = false

  constructor(reaction: 'refuse' | 'warn') {
    this.#reaction = reaction
  }

  /** @throws {RedisSetupError} when the server evicts keys and the reaction is `'refuse'`. */
  check({ evictionPolicy = 'noeviction' }: ServerInfo): void {
    if (evictionPolicy === 'noeviction') return
    const error = new RedisSetupError(
      'eviction',
      `with maxmemory-policy "${evictionPolicy}" it evicts events, idempotency keys and presence.`,
      'Run CONFIG SET maxmemory-policy noeviction, and set it in the configuration file of Redis.',
    )
    if (this.#reaction === 'refuse') throw error
    if (!this.#warned) process.emitWarning(error.message, { code: error.code })
    this.#warned = true
  }
}
