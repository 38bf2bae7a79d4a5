import { RivuletError } from '@rivulet/core'

/**
 * The process that serves the backplane did not answer in time, or there is no connection to it. A publish that rejects with
 * this error may have been carried out, if only its answer was lost. With an idempotency key it can be repeated safely.
 */
export class IpcUnavailableError extends RivuletError {
  static override get name(): string {
    return 'IpcUnavailableError'
  }
  static override readonly code = 'RIVULET_IPC_UNAVAILABLE'

  constructor(
    /** The operation that failed, such as `publish` or `runs.create`. */
    readonly operation: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(
      IpcUnavailableError.code,
      `The serving process cannot carry out "${operation}" now: ${reason} It works again as soon as that process does. Publish with an idempotencyKey to make a second attempt safe.`,
      options,
    )
  }
}

/** The other process speaks another version of the protocol, or is not a Rivulet process. */
export class IpcProtocolError extends RivuletError {
  static override get name(): string {
    return 'IpcProtocolError'
  }
  static override readonly code = 'RIVULET_IPC_PROTOCOL'

  constructor(
    /** The first line of the other end, cut to 64 characters. */
    readonly received: string,
    expected: string,
  ) {
    super(
      IpcProtocolError.code,
      `The other process greets with ${JSON.stringify(received)} instead of ${JSON.stringify(expected)}. Restart all processes with the same version of @rivulet/server, and give this path to nothing else.`,
    )
  }
}

/** `serveBackplane` cannot listen at its path. Nothing was changed. */
export class IpcAddressError extends RivuletError {
  static override get name(): string {
    return 'IpcAddressError'
  }
  static override readonly code = 'RIVULET_IPC_ADDRESS'

  constructor(
    readonly path: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(IpcAddressError.code, `The backplane cannot be served at "${path}": ${reason}`, options)
  }
}
