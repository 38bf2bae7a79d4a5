import { RivuletError } from '@rivulet/core'

/**
 * Redis did not answer in time, or there is no connection to it. A publish that rejects with this error may have been
 * carried out, if only its answer was lost. With an idempotency key it can be repeated safely.
 */
export class BackplaneUnavailableError extends RivuletError {
  static override get name(): string {
    return 'BackplaneUnavailableError'
  }
  static override readonly code = 'RIVULET_BACKPLANE_UNAVAILABLE'

  constructor(
    /** The operation that failed. */
    readonly operation: 'publish' | 'subscribe' | 'read' | 'seek' | 'forget' | 'presence' | 'run',
    reason: string,
    options?: ErrorOptions,
  ) {
    const fix =
      operation === 'publish'
        ? 'Publish again with the same idempotencyKey: the event is then stored only once, even if this attempt stored it.'
        : 'Try again when Redis is available.'
    super(
      BackplaneUnavailableError.code,
      `The operation "${operation}" failed because Redis is unavailable: ${reason} ${fix}`,
      options,
    )
  }
}

/**
 * Redis is configured to delete events, or its user lacks a right that Rivulet needs. The backplane works again by itself
 * when that is changed.
 */
export class RedisSetupError extends RivuletError {
  static override get name(): string {
    return 'RedisSetupError'
  }
  static override readonly code = 'RIVULET_REDIS_SETUP'

  constructor(
    /** The fault: the server evicts keys, or the user lacks a right. */
    readonly problem: 'eviction' | 'rights',
    reason: string,
    fix: string,
    options?: ErrorOptions,
  ) {
    super(RedisSetupError.code, `Redis is not set up for Rivulet: ${reason} ${fix}`, options)
  }
}
