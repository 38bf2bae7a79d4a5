/** A value or a promise of it. Callers do not wait a turn of the event loop for a plain value. */
export type Awaitable<T> = T | Promise<T>
