import { RivuletError } from '@rivulet/core'

export { ConfigurationError } from '@rivulet/core'

/** A payload fits its schema but cannot be written as a JSON object. Nothing was stored or sent. */
export class EventSerializationError extends RivuletError {
  static override readonly name: string = 'EventSerializationError'
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

/** The manager was closed, or is being closed. */
export class ManagerClosedError extends RivuletError {
  static override readonly name: string = 'ManagerClosedError'
  static override readonly code = 'RIVULET_MANAGER_CLOSED'

  constructor() {
    super(
      ManagerClosedError.code,
      'The EventManager is closed: nothing can be published any more. Stop the publishers before calling close().',
    )
  }
}

/** A function of a stream's options did not answer in time. */
export class CallbackTimeoutError extends RivuletError {
  static override readonly name: string = 'CallbackTimeoutError'
  static override readonly code = 'RIVULET_CALLBACK_TIMEOUT'

  constructor(
    /** The function: `authorize`, `channels`, `snapshot` or `presence`. */
    readonly callback: string,
    /** How many milliseconds it had. */
    readonly timeoutMs: number,
  ) {
    super(
      CallbackTimeoutError.code,
      `${callback} did not answer within ${timeoutMs} ms, and the request was refused. Pass its signal on to what it ` +
        'waits for, or raise callbackTimeoutMs.',
    )
  }
}
