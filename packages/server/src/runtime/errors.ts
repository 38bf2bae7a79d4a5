import { RivuletError } from '@rivulet/core'

export { CallbackTimeoutError, ConfigurationError } from '@rivulet/core'

/** Thrown for a payload that fits its schema but cannot be written as a JSON object. Nothing was stored or sent. */
export class EventSerializationError extends RivuletError {
  static override get name(): string {
    return 'EventSerializationError'
  }
  static override readonly code = 'RIVULET_EVENT_NOT_SERIALIZABLE'

  constructor(
    /** The event's name. */
    readonly type: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(
      EventSerializationError.code,
      `The payload of event "${type}" cannot be sent as JSON: ${reason} Publish a plain object of JSON values.`,
      options,
    )
  }
}

/** Reported when the backplane did not answer in time while a stream was let in. The client is told to come back. */
export class BackplaneTimeoutError extends RivuletError {
  static override get name(): string {
    return 'BackplaneTimeoutError'
  }
  static override readonly code = 'RIVULET_BACKPLANE_TIMEOUT'

  constructor(
    /** How many milliseconds it had. */
    readonly timeoutMs: number,
  ) {
    super(
      BackplaneTimeoutError.code,
      `The backplane did not answer within ${timeoutMs} ms. See whether it can be reached, or raise callbackTimeoutMs.`,
    )
  }
}

/** Thrown by calls on a manager that is closed or closing. */
export class ManagerClosedError extends RivuletError {
  static override get name(): string {
    return 'ManagerClosedError'
  }
  static override readonly code = 'RIVULET_MANAGER_CLOSED'

  constructor() {
    super(
      ManagerClosedError.code,
      'The EventManager is closed and no longer publishes. Stop the publishers before calling close().',
    )
  }
}
