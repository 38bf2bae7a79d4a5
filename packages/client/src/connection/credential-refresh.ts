import { ask, type CallbackOptions, type Patience } from '../runtime/guard.js'

/** Refreshes the credential of an application. */
export type RefreshHook = (options: CallbackOptions) => void | PromiseLike<void>

interface Call {
  readonly done: Promise<void>
  /** Gives up. */
  readonly abandon: AbortController
  /** How many streams wait for it. */
  waiting: number
}

interface Refreshes {
  /** How many have succeeded. */
  count: number
  call: Call | undefined
}

const refreshes = new WeakMap<RefreshHook, Refreshes>()

/** How often the hook has refreshed the credential so far: what an attempt remembers of its credential's age. */
export function refreshCount(hook: RefreshHook): number {
  return refreshes.get(hook)?.count ?? 0
}

/**
 * Calls the hook, or joins the call that is under way, so that many streams which meet a 401 together refresh once. Does
 * nothing where the credential has been refreshed since the attempt, made at `count`, that was refused. A call that no
 * stream waits for any more is given up.
 */
export function refreshOnce(hook: RefreshHook, count: number, patience: Patience): Promise<void> {
  const entry = refreshes.get(hook) ?? { count: 0, call: undefined }
  refreshes.set(hook, entry)
  if (entry.count > count) return Promise.resolve()
  entry.call ??= begin(hook, entry, patience)
  const { call } = entry
  call.waiting++
  patience.signal.addEventListener('abort', () => {
    if (--call.waiting === 0) call.abandon.abort()
  })
  return call.done
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
