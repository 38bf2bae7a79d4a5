type Listener = (type: string | undefined) => void

const subscriptions = new WeakMap<object, (listener: Listener) => () => void>()

/** Lets bindings learn of events that no handler gets. The stream has no public method for this: applications have `onError`. */
export function takeUnreadEvents(service: object, subscribe: (listener: Listener) => () => void): void {
  subscriptions.set(service, subscribe)
}

/** Calls the listener with the type of each event that is invalid; `undefined` if its type is unknown. Returns its undo. */
export function onUnreadEvent(service: object, listener: Listener): () => void {
  return subscriptions.get(service)?.(listener) ?? (() => {})
}
