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
    /** The beginning of the endpoint's answer, for your log. It may contain private data. */
    readonly detail: string | undefined,
    options?: ErrorOptions,
  ) {
    super(CompletionError.code, problem, options)
  }
}

/** A producer tried to write to a run that another producer had started. */
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
      `The run "${id}" already exists and has its own producer. Give each answer an ID of its own. To read an existing run, send an offset.`,
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
