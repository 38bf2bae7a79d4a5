import type { Clock } from '@rivulet/core'
import type { RequestOptions } from '../connection/request.js'
import { streamIdentity } from '../connection/stream-identity.js'
import { ConfigurationError } from '../runtime/errors.js'
import { decide } from '../runtime/guard.js'
import { pageStorage } from '../runtime/page-events.js'
import { isAfter } from './position.js'

/** Where the cursor is kept over a reload. */
export interface PersistOptions {
  /** Anything with the two methods of `localStorage`. @default sessionStorage; where there is none nothing is kept */
  storage?: Pick<Storage, 'getItem' | 'setItem'>
  /**
   * Names what the URL, method, body and mode of credentials don't tell: the user, where several use one browser. Needed
   * where the URL or the body is a function.
   */
  key?: string
}

/** Writing a storage for each event would cost more than the event; a reload writes once more itself. */
const saveEveryMs = 1_000

export interface CursorStore {
  /** What an earlier page saved; `''` where there is nothing. */
  load(): string
  /** Saves now, and while the stream is `live` again every second. */
  keep(live: boolean): void
}

/** One entry of a storage. Streams of a page that bring the same share it. */
interface Entry {
  saved: string
  /** The cursors of the streams that are live. */
  readonly cursors: Set<() => string>
}

const entries = new WeakMap<object, Map<string, Entry>>()

/** @throws {ConfigurationError} when a key is needed and missing: an entry needs a name that lasts. */
export function createCursorStore(
  persist: boolean | PersistOptions,
  request: RequestOptions,
  clock: Clock,
  current: () => string,
  report: (error: unknown) => void,
): CursorStore | undefined {
  if (!persist) return undefined
  const { storage: given, key } = persist === true ? {} : persist
  const identity = streamIdentity(request, key)
  if (identity === undefined) {
    throw new ConfigurationError(
      'persist',
      persist,
      'Give it a key where the URL or the body is a function: { key: … }.',
    )
  }
  const found = given ?? pageStorage()
  if (!found) return undefined
  const storage = found
  const name = `rivulet:${identity}`
  const entry = entryOf(storage, name)
  let timer: unknown
  let failed = false

  function keep(live: boolean): void {
    clock.clearTimeout(timer)
    if (live) entry.cursors.add(current)
    const id = furthestBehind([current, ...entry.cursors])
    if (!live) entry.cursors.delete(current)
    if (id !== entry.saved && !failed) {
      entry.saved = id
      attempt('persist.storage.setItem', () => storage.setItem(name, id))
    }
    if (live && !failed) timer = clock.setTimeout(() => keep(true), saveEveryMs)
  }

  // A storage that is full or forbidden stays so: it is reported once.
  function attempt<T>(option: string, action: () => T): T | undefined {
    try {
      return decide(option, action, undefined)
    } catch (error) {
      failed = true
      report(error)
      return undefined
    }
  }

  return {
    load() {
      const saved = attempt('persist.storage.getItem', () => storage.getItem(name))
      entry.saved = typeof saved === 'string' ? saved : ''
      return entry.saved
    },
    keep,
  }
}

function entryOf(storage: object, name: string): Entry {
  const named = entries.get(storage) ?? new Map<string, Entry>()
  entries.set(storage, named)
  const entry = named.get(name) ?? { saved: '', cursors: new Set() }
  named.set(name, entry)
  return entry
}

/** Streams that share an entry all resume from it, so it is that of the slowest. One that has no cursor lacks nothing. */
function furthestBehind(cursors: readonly (() => string)[]): string {
  return cursors
    .map((cursor) => cursor())
    .filter((id) => id !== '')
    .reduce((lowest, id) => (lowest === '' || isAfter(lowest, id) ? id : lowest), '')
}
