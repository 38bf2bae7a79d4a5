import { type EndState, RivuletError } from '@rivulet/core'

/** The run is over, so its producer may publish nothing more: somebody stopped it, or it took too long. */
export class RunEndedError extends RivuletError {
  static override get name(): string {
    return 'RunEndedError'
  }
  static override readonly code = 'RIVULET_RUN_ENDED'

  constructor(
    /** The run's id. */
    readonly id: string,
    readonly state: EndState,
    /** Why it was stopped or failed. */
    readonly reason: string | undefined,
  ) {
    const why = reason === undefined ? '' : ` (${reason})`
    super(
      RunEndedError.code,
      `The run "${id}" is over: ${state}${why}. Pass the producer's signal to every call it awaits, and return when it aborts.`,
    )
  }
}

/** The producer could not renew its lease in time, so the run is no longer its own: nothing that it publishes is kept. */
export class RunLostError extends RivuletError {
  static override get name(): string {
    return 'RunLostError'
  }
  static override readonly code = 'RIVULET_RUN_LOST'

  constructor(
    /** The run's id. */
    readonly id: string,
    /** For how many milliseconds it may be without a renewal. */
    readonly leaseMs: number,
  ) {
    super(
      RunLostError.code,
      `The lease of the run "${id}" was not renewed within ${leaseMs} ms: this process was suspended, or could not reach the ` +
        'backplane. Start a new run. If this happens in normal operation, raise leaseMs.',
    )
  }
}

/** A run was not over after its time. */
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

/** As many runs with this key are running as may. */
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

/** Thrown by a producer of yours to tell readers why it failed: of any other error they learn nothing. */
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
    super(RunFailure.code, `The producer failed: ${reason}`, options)
  }
}
