import { RedisSetupError } from './errors.js'
import type { ServerInfo } from './server-info.js'

/** Refuses, or warns once of, a server that evicts keys when its memory is full. */
export class EvictionCheck {
  readonly #reaction: 'refuse' | 'warn'
  #warned = false

  constructor(reaction: 'refuse' | 'warn') {
    this.#reaction = reaction
  }

  /** @throws {RedisSetupError} where it is to be refused. */
  check({ evictionPolicy = 'noeviction' }: ServerInfo): void {
    if (evictionPolicy === 'noeviction') return
    const error = new RedisSetupError(
      'eviction',
      `its maxmemory-policy is "${evictionPolicy}", by which it deletes events, idempotency keys and presence.`,
      'Run CONFIG SET maxmemory-policy noeviction, and write it into its configuration too.',
    )
    if (this.#reaction === 'refuse') throw error
    if (!this.#warned) process.emitWarning(error.message, { code: error.code })
    this.#warned = true
  }
}
