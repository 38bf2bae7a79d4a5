interface Refreshes {
  /** How many have succeeded. */
  count: number
  inFlight: Promise<void> | undefined
}

const refreshes = new WeakMap<() => unknown, Refreshes>()

/** How often the hook has refreshed the credential so far: what an attempt remembers of its credential's age. */
export function refreshCount(hook: () => unknown): number {
  return refreshes.get(hook)?.count ?? 0
}

/**
 * Calls the hook, or joins the call that is under way, so that many streams which meet a 401 together refresh once. Does
 * nothing where the credential has been refreshed since the attempt, made at `count`, that was refused.
 */
export function refreshOnce(hook: () => void | Promise<void>, count: number): Promise<void> {
  const entry = refreshes.get(hook) ?? { count: 0, inFlight: undefined }
  refreshes.set(hook, entry)
  if (entry.count > count) return Promise.resolve()
  entry.inFlight ??= (async () => hook())()
    .then(() => {
      entry.count++
    })
    .finally(() => {
      entry.inFlight = undefined
    })
  return entry.inFlight
}
