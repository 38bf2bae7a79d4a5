import { RivuletError } from '@rivulet/core'

/**
 * Redis did not answer in time, or there is no connection to it. A publish that rejects with this may have been carried
 * out all the same, where the answer was lost; with an idempotency key it can be repeated safely.
 */
export class BackplaneUnavailableError extends RivuletError {
  static override get name(): string {
    return 'BackplaneUnavailableError'
  }
  static override readonly code = 'RIVULET_BACKPLANE_UNAVAILABLE'

  constructor(
    /** What could not be done. */
    readonly operation: 'publish' | 'subscribe' | 'read' | 'seek' | 'forget' | 'presence',
    reason: string,
    options?: ErrorOptions,
  ) {
    const fix =
      operation === 'publish'
        ? 'Publish again later, with the same idempotencyKey: it is then stored once, whatever became of this attempt.'
        : 'It works again by itself when Redis does: try later.'
    super(BackplaneUnavailableError.code, `Redis cannot carry out "${operation}" now: ${reason} ${fix}`, options)
  }
}

/**
 * Redis is set up in a way in which it cannot keep what was promised, or refuses to the user what it takes. It works
 * again by itself when that is changed.
 */
export class RedisSetupError extends RivuletError {
  static override get name(): string {
    return 'RedisSetupError'
  }
  static override readonly code = 'RIVULET_REDIS_SETUP'

  constructor(
    /** What is wrong: the server evicts keys, or the user lacks a right. */
    readonly problem: 'eviction' | 'rights',
    reason: string,
    fix: string,
    options?: ErrorOptions,
  ) {
    super(RedisSetupError.code, `Redis is not set up for Rivulet: ${reason} ${fix}`, options)
  }
}
