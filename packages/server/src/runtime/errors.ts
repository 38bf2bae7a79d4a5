import { RivuletError } from '@rivulet/core'

export { CallbackTimeoutError, ConfigurationError } from '@rivulet/core'

/** A payload fits its schema but cannot be written as a JSON object. Nothing was stored or sent. */
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

/** The backplane did not answer in time while a stream was being opened. The client is asked to reconnect. */
export class BackplaneTimeoutError extends RivuletError {
  static override get name(): string {
    return 'BackplaneTimeoutError'
  }
  static override readonly code = 'RIVULET_BACKPLANE_TIMEOUT'

  constructor(
    /** The time limit, in milliseconds. */
    readonly timeoutMs: number,
  ) {
    super(
      BackplaneTimeoutError.code,
      `The backplane did not answer within ${timeoutMs} ms. Check that it is reachable, or raise callbackTimeoutMs.`,
    )
  }
}

/** A publish has the option `transaction`, and the manager's backplane cannot take part in one. Nothing was sent. */
export class TransactionUnsupportedError extends RivuletError {
  static override get name(): string {
    return 'TransactionUnsupportedError'
  }
  static override readonly code = 'RIVULET_TRANSACTION_UNSUPPORTED'

  constructor() {
    super(
      TransactionUnsupportedError.code,
      'The option "transaction" needs a backplane that stores events in the same database, and this one does not. Use @rivulet/backplane-postgres, or publish after the commit.',
    )
  }
}

/** A method of a manager was called after `close()`. */
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

/** A request to change the channels of a stream is malformed. The client gets 400 and the message. */
export class InvalidChangeError extends RivuletError {
  static override get name(): string {
    return 'InvalidChangeError'
  }
  static override readonly code = 'RIVULET_INVALID_CHANGE'

  constructor(
    /** The part of the request that is wrong. */
    readonly field: string,
    fix: string,
  ) {
    super(InvalidChangeError.code, `The ${field} of the change cannot be read. ${fix}`)
  }
}
