import { RivuletError } from '@rivulet/core'

/** A model's endpoint refused a completion, failed in the middle of it, or sent an answer that cannot be read. */
export class CompletionError extends RivuletError {
  static override get name(): string {
    return 'CompletionError'
  }
  static override readonly code = 'RIVULET_COMPLETION'

  constructor(
    problem: string,
    /** The status of the response; `undefined` if there was none. */
    readonly status: number | undefined,
    /** The beginning of what the endpoint said, for your log. It may contain private data. */
    readonly detail: string | undefined,
    options?: ErrorOptions,
  ) {
    super(CompletionError.code, problem, options)
  }
}

/** A producer was to write to a run that another producer has started. */
export class RunTakenError extends RivuletError {
  static override get name(): string {
    return 'RunTakenError'
  }
  static override readonly code = 'RIVULET_RUN_TAKEN'

  constructor(
    /** The run's id. */
    readonly id: string,
  ) {
    super(
      RunTakenError.code,
      `There already is a run "${id}", which has its own producer. Give each answer an ID of its own, and read an existing run.`,
    )
  }
}

/** The run does not exist, is no longer kept, or belongs to another key. */
export class RunNotFoundError extends RivuletError {
  static override get name(): string {
    return 'RunNotFoundError'
  }
  static override readonly code = 'RIVULET_RUN_NOT_FOUND'

  constructor(
    /** The run's id. */
    readonly id: string,
  ) {
    super(
      RunNotFoundError.code,
      `There is no run "${id}" for this reader. Start a new one, or keep runs for longer with keepMs.`,
    )
  }
}
