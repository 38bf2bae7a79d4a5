import { ask, type CallbackOptions, type Patience } from '../runtime/guard.js'

/** Refreshes the application's credential. */
export type RefreshHook = (options: CallbackOptions) => void | PromiseLike<void>

interface Call {
  readonly done: Promise<void>
  /** Cancels the call. */
  readonly abandon: AbortController
  /** Number of streams that wait for the call. */
  waiting: number
}

interface Refreshes {
  /** Number of successful refreshes. */
  count: number
  call: Call | undefined
}

const refreshes = new WeakMap<RefreshHook, Refreshes>()

/** Returns the number of refreshes so far. An attempt remembers it as the age of its credential. */
export function refreshCount(hook: RefreshHook): number {
  return refreshes.get(hook)?.count ?? 0
}

/**
 * Calls the hook or joins the call in flight, so that many streams with a 401 refresh the credential once. Does nothing if
 * the number of refreshes is higher than `count`, its value at the refused attempt. The call is canceled when no stream waits
 * for it any more.
 */
export function refreshOnce(hook: RefreshHook, count: number, patience: Patience): Promise<void> {
  const entry = refreshes.get(hook) ?? { count: 0, call: undefined }
  refreshes.set(hook, entry)
  if (entry.count > count) return Promise.resolve()
  entry.call ??= begin(hook, entry, patience)
  const { call } = entry
  call.waiting++
  const leave = () => {
    if (--call.waiting === 0) call.abandon.abort()
  }
  // The hook may have closed the stream.
  if (patience.signal.aborted) leave()
  else patience.signal.addEventListener('abort', leave)
  return call.done
}

/** A credential, as a connection sees it. */
export interface Credential {
  /** Number of refreshes so far. */
  count(): number
  /** Refreshes it, unless there were more than `count` refreshes. */
  refresh(count: number, patience: Patience): Promise<void>
}

/** Returns the credential that a hook refreshes. */
export function credentialOf(hook: RefreshHook): Credential {
  return { count: () => refreshCount(hook), refresh: (count, patience) => refreshOnce(hook, count, patience) }
}

function begin(hook: RefreshHook, entry: Refreshes, { clock, timeoutMs }: Patience): Call {
  const abandon = new AbortController()
  const done = ask('onUnauthorized', hook, { clock, timeoutMs, signal: abandon.signal })
    .then(() => {
      entry.count++
    })
    .finally(() => {
      if (entry.call === call) entry.call = undefined
    })
  const call: Call = { done, abandon, waiting: 0 }
  return call
}
