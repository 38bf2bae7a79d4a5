import type { Clock } from './clock.js'
import { ConfigurationError } from './errors.js'
import { pageStorage } from './page-events.js'
import type { PerAttempt } from './transport.js'

/** Where the last event ID is kept over a reload. */
export interface PersistOptions {
  /** Anything with the two methods of `localStorage`. @default sessionStorage; where there is none nothing is kept */
  storage?: Pick<Storage, 'getItem' | 'setItem'>
  /** The entry's key. Name the user in it where several use one browser. @default 'rivulet:' and the URL */
  key?: string
}

/** Writing a storage for each event would cost more than the event; a reload writes once more itself. */
const saveEveryMs = 1_000

export interface CursorStore {
  /** What an earlier page saved; `''` where there is nothing. */
  load(): string
  /** Saves now, and while `open` again every second. */
  keep(open: boolean): void
}

/** @throws {ConfigurationError} when the URL is a function and no key is given: an entry needs a name that lasts. */
export function createCursorStore(
  persist: boolean | PersistOptions,
  url: PerAttempt<string | URL>,
  clock: Clock,
  current: () => string,
  report: (error: unknown) => void,
): CursorStore | undefined {
  if (!persist) return undefined
  const { storage = pageStorage(), key } = persist === true ? {} : persist
  if (key === undefined && typeof url === 'function') {
    throw new ConfigurationError('persist', persist, 'Give it a key where the URL is a function: { key: … }.')
  }
  if (!storage) return undefined
  const entry = key ?? `rivulet:${url}`
  let saved = ''
  let timer: unknown
  let failed = false

  function keep(open: boolean): void {
    clock.clearTimeout(timer)
    const id = current()
    if (id !== saved && !failed) {
      saved = id
      attempt(() => storage?.setItem(entry, id))
    }
    if (open && !failed) timer = clock.setTimeout(() => keep(true), saveEveryMs)
  }

  // A storage that is full or forbidden stays so: it is reported once.
  function attempt<T>(action: () => T): T | undefined {
    try {
      return action()
    } catch (error) {
      failed = true
      report(error)
    }
  }

  return {
    load() {
      saved = attempt(() => storage.getItem(entry)) ?? ''
      return saved
    },
    keep,
  }
}
