const reports = new WeakMap<object, (error: unknown) => void>()

/** Lets bindings report to a stream's `onError`; the stream itself has no such method, as applications throw. */
export function takeReports(service: object, report: (error: unknown) => void): void {
  reports.set(service, report)
}

/** Tells a stream's `onError` what foreign code has thrown. */
export function reportTo(service: object, error: unknown): void {
  reports.get(service)?.(error)
}
