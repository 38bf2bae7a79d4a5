/** A value now or later. Where it is there already, no turn of the event loop is spent on it. */
export type Awaitable<T> = T | Promise<T>
