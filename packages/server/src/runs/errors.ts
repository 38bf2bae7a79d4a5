import { type EndState, RivuletError } from '@rivulet/core'

/** The run is over, so its producer can publish nothing more: somebody stopped it, or it took too long. */
export class RunEndedError extends RivuletError {
  static override get name(): string {
    return 'RunEndedError'
  }
  static override readonly code = 'RIVULET_RUN_ENDED'

  constructor(
    /** The run's id. */
    readonly id: string,
    readonly state: EndState,
    /** The reason, if it was stopped or failed and there is one. */
    readonly reason: string | undefined,
  ) {
    const why = reason === undefined ? '' : ` (${reason})`
    super(
      RunEndedError.code,
      `The run "${id}" is over: ${state}${why}. Pass the producer's signal to every call it awaits, and return when it aborts.`,
    )
  }
}

/** The producer could not renew its lease in time and has lost the run: nothing that it publishes is kept. */
export class RunLostError extends RivuletError {
  static override get name(): string {
    return 'RunLostError'
  }
  static override readonly code = 'RIVULET_RUN_LOST'

  constructor(
    /** The run's id. */
    readonly id: string,
    /** The time within which the lease must be renewed, in milliseconds. */
    readonly leaseMs: number,
  ) {
    super(
      RunLostError.code,
      `The lease of the run "${id}" was not renewed within ${leaseMs} ms: this process was suspended, or could not reach the ` +
        'backplane. Start a new run. If this happens in normal operation, raise leaseMs.',
    )
  }
}

/** A run did not end within its time limit. */
export class RunTimeoutError extends RivuletError {
  static override get name(): string {
    return 'RunTimeoutError'
  }
  static override readonly code = 'RIVULET_RUN_TIMEOUT'

  constructor(
    /** The run's id. */
    readonly id: string,
    /** The time limit, in milliseconds. */
    readonly timeoutMs: number,
  ) {
    super(
      RunTimeoutError.code,
      `The producer of the run "${id}" did not finish within ${timeoutMs} ms. Make it finish sooner, or raise timeoutMs.`,
    )
  }
}

/** The limit of running runs with this key is reached. */
export class TooManyRunsError extends RivuletError {
  static override get name(): string {
    return 'TooManyRunsError'
  }
  static override readonly code = 'RIVULET_TOO_MANY_RUNS'

  constructor(
    /** The owner of the runs. */
    readonly key: string,
    /** The limit of running runs per key. */
    readonly maxRunningPerKey: number,
  ) {
    super(
      TooManyRunsError.code,
      `${maxRunningPerKey} runs with the key ${JSON.stringify(key)} are already running. Answer with 429, stop one of them, or raise maxRunningPerKey.`,
    )
  }
}

/** Throw this in a producer to tell readers why it failed. Of any other error, readers get only the reason `error`. */
export class RunFailure extends RivuletError {
  static override get name(): string {
    return 'RunFailure'
  }
  static override readonly code = 'RIVULET_RUN_FAILED'

  constructor(
    /** The reason for readers. */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(RunFailure.code, `The producer failed: ${reason}.`, options)
  }
}
