import { type Clock, comparePositions } from '@rivulet/core'
import type { RequestOptions } from '../connection/request.js'
import { streamIdentity } from '../connection/stream-identity.js'
import { development } from '../runtime/development.js'
import { ConfigurationError } from '../runtime/errors.js'
import { decide } from '../runtime/guard.js'
import { pageStorage } from '../runtime/page-events.js'

/** Storage that keeps the cursor across a reload. */
export interface PersistOptions {
  /** Storage with these two methods of `localStorage`. @default sessionStorage; without one, nothing is kept */
  storage?: Pick<Storage, 'getItem' | 'setItem'>
  /**
   * Distinguishes streams that have the same URL, method, body and credentials mode, whatever their channels, such as those
   * of several users of one browser, or two streams of a page. Without it, these share a cursor, and the slowest decides.
   * Required if the URL or the body is a function.
   */
  key?: string
}

/** Interval between writes: one per event would cost more than the event. A reload writes once more. */
const saveEveryMs = 1_000

/**
 * A cursor, or `''`, with the names of the channels that it counts for; `undefined` if the client has never asked for
 * channels by name.
 */
export type SavedCursor = readonly [id: string, names?: readonly string[] | undefined]

export interface CursorStore {
  /** Returns the cursor that an earlier page saved. */
  load(): SavedCursor
  /** Saves now. While the stream is `live`, saves again every second. */
  keep(live: boolean): void
}

/** Returns the cursor of a stream, as it is saved. `positioned` means that IDs are positions, which only increase. */
export type CursorSource = () => readonly [id: string, names: readonly string[] | undefined, positioned: boolean]

/** Entry of a storage. Streams of a page with the same identity share it. */
interface Entry {
  saved: string
  /** The live streams. */
  readonly sources: Set<CursorSource>
}

const entries = new WeakMap<object, Map<string, Entry>>()

/** @throws {ConfigurationError} if a required key is missing: the name of an entry must survive a reload. */
export function createCursorStore(
  persist: boolean | PersistOptions,
  request: RequestOptions,
  clock: Clock,
  source: CursorSource,
  report: (error: unknown) => void,
): CursorStore | undefined {
  if (!persist) return undefined
  const { storage: given, key } = persist === true ? {} : persist
  const identity = streamIdentity(request, key)
  if (identity === undefined) {
    throw new ConfigurationError(
      'persist',
      persist,
      development ? 'The URL or the body is a function. Pass { key: … } to identify the stream.' : '',
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
    entry.sources.add(source)
    const text = furthestBehind(entry)
    if (!live) entry.sources.delete(source)
    if (text !== entry.saved && !failed) {
      entry.saved = text
      attempt('persist.storage.setItem', () => storage.setItem(name, text))
    }
    if (live && !failed) timer = clock.setTimeout(() => keep(true), saveEveryMs)
  }

  // A full or forbidden storage stays that way, so it is reported once.
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
      return parse(entry.saved)
    },
    keep,
  }
}

function entryOf(storage: object, name: string): Entry {
  const named = entries.get(storage) ?? new Map<string, Entry>()
  entries.set(storage, named)
  const entry = named.get(name) ?? { saved: '', sources: new Set() }
  named.set(name, entry)
  return entry
}

/**
 * Text of the cursor of the slowest stream, as all that share an entry resume from it, for the names of all of them. A stream
 * without a cursor lacks nothing. The IDs of a foreign server have no order, so the saved one stays until all streams are at
 * the same event.
 */
function furthestBehind({ saved, sources }: Entry): string {
  const cursors = [...sources].map((source) => source()).filter(([id]) => id !== '')
  const isOrdered = cursors.some(([, , positioned]) => positioned)
  const names = cursors.some(([, names]) => names) && [...new Set(cursors.flatMap(([, names = []]) => names))]
  const [savedId] = parse(saved)
  const slowest = cursors.reduce((slowest, [id]) => {
    if (isOrdered) return comparePositions(slowest, id) > 0 ? id : slowest
    return id === slowest ? id : savedId || slowest
  }, cursors[0]?.[0] ?? '')
  return names ? JSON.stringify([slowest, names]) : slowest
}

/** Reads a text: an ID, or JSON with names. */
function parse(text: string): SavedCursor {
  try {
    const [id, names] = JSON.parse(text)
    if (typeof id === 'string' && Array.isArray(names)) return [id, names]
  } catch {
    // An ID, which need not be JSON.
  }
  return [text]
}
