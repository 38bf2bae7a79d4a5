const inFlight = new WeakMap<() => unknown, Promise<void>>()

/** Calls the hook, or joins the call that is under way: many streams that meet a 401 together refresh once. */
export function refreshOnce(hook: () => void | Promise<void>): Promise<void> {
  let refresh = inFlight.get(hook)
  if (!refresh) {
    refresh = (async () => hook())().finally(() => inFlight.delete(hook))
    inFlight.set(hook, refresh)
  }
  return refresh
}
