/** Call of a stream's `connect()`, as the bindings see it. */
export interface ConnectCalls {
  /** Tells whether `connect()` was called, so that the stream outlives its last loop. */
  wasCalled(): boolean
  /** Undoes the call: the stream closes with its last loop, or at once if there is none. */
  undo(): void
}

const known = new WeakMap<object, ConnectCalls>()

/** Lets bindings undo `connect()`. The stream has no public method for this, because applications call `close()`. */
export function takeConnectCalls(service: object, calls: ConnectCalls): void {
  known.set(service, calls)
}

export function connectCallsOf(service: object): ConnectCalls | undefined {
  return known.get(service)
}
