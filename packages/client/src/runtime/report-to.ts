/** The context of an error, for `onError`. */
export interface StreamErrorContext {
  /**
   * - `connection`: an attempt or a connection failed, or a function that it calls: `url`, `headers`, `body`, `fetch`,
   *   `onUnauthorized`. Events skipped because of their size and refused channels also belong here.
   * - `event`: an event is invalid, or the contract lacks it.
   * - `mapMessage`, `until`: that function of the options failed.
   * - `handler`: a handler or a listener failed.
   * - `persist`: the storage of the cursor failed.
   * - `reducer`: a reducer of a hook or a composable failed, or a function of a query rule.
   */
  readonly stage: 'connection' | 'event' | 'mapMessage' | 'until' | 'handler' | 'persist' | 'reducer'
}

export type ErrorStage = StreamErrorContext['stage']

const reports = new WeakMap<object, (error: unknown) => void>()

/** Lets bindings report to a stream's `onError`. The stream has no public method for this, because applications throw instead. */
export function takeReports(service: object, report: (error: unknown) => void): void {
  reports.set(service, report)
}

/** Reports an exception of a reducer to a stream's `onError`. */
export function reportTo(service: object, error: unknown): void {
  reports.get(service)?.(error)
}
