import { type ReadResult, runOf, type StoredMessage } from '@rivulet/server'
import type { Database } from '../database/database.js'
import { Grouping } from '../database/grouping.js'
import type { Row } from '../database/postgres-client.js'
import { fromText, toText } from '../database/text.js'
import { type Bounds, finite } from './bounds.js'

/** A read of one channel. */
export interface ReadRequest {
  readonly channel: string
  readonly bounds: Bounds
  readonly after: number
  readonly limit: number
}

/** Time for which a reading of the clock serves further reads, in milliseconds. */
const clockAgeMs = 100
/** Reads of one statement, and their events. */
const maxReads = 200
const maxEvents = 2_000

/** Reads logs: one statement at a time, with all reads that wait. */
export class Reading {
  readonly #database: Database
  readonly #groups: Grouping<ReadRequest, ReadResult>
  #clock = 0
  #clockAt = -Infinity

  constructor(database: Database) {
    this.#database = database
    this.#groups = new Grouping({
      maxItems: maxReads,
      maxSize: maxEvents,
      sizeOf: ({ limit }) => limit,
      maxWaitMs: database.timeoutMs,
      onLate: () => database.lateError('read'),
      run: (requests) => this.#read(requests),
    })
  }

  read(request: ReadRequest): Promise<ReadResult> {
    return this.#groups.add(request)
  }

  async #read(requests: readonly ReadRequest[]): Promise<ReadResult[]> {
    const { waitMs, known } = this.#database
    // Another node may have given a client a later position than this node's clock.
    const clock = await this.#readClock(Math.max(...requests.map(({ after }) => after)))
    const items = requests.map(({ channel, bounds, after, limit }, i) => {
      const run = runOf(channel)
      const [e, a] = run === undefined ? [finite(bounds.maxEvents), String(bounds.maxAgeMs)] : [null, 'Infinity']
      return { i, c: toText(channel), f: after, n: limit, e, a, run: run === undefined ? undefined : toText(run) }
    })
    const rows = await this.#database.call('read', 'read', JSON.stringify(items), waitMs, known)
    const groups: Row[][] = requests.map(() => [])
    for (const row of rows) groups[Number(row.request)]!.push(row)
    return groups.map((group) => resultOf(group, clock, (position) => this.#database.note(position)))
  }

  async #readClock(after: number): Promise<number> {
    const now = performance.now()
    if (now - this.#clockAt < clockAgeMs && after <= this.#clock) return this.#clock
    const [row] = await this.#database.call('read', 'clock', this.#database.waitMs)
    this.#clock = Math.max(this.#clock, Number(row!.clock))
    this.#clockAt = now
    // Clients get it as a cursor: a server that lost it must begin after it.
    this.#database.note(this.#clock)
    return this.#clock
  }
}

/** The rows of one read: its events, then the facts. */
function resultOf(rows: readonly Row[], clock: number, note: (position: number) => void): ReadResult {
  const facts = rows.at(-1)!
  const messages = rows.slice(0, -1).map(messageOf)
  const storedPosition = Number(facts.previous)
  note(storedPosition)
  const result = { messages, lastPosition: Number(facts.at), storedPosition, clock }
  if (facts.type === '') return { ...result, continuous: true }
  return { ...result, continuous: false, reason: facts.type as 'trimmed' | 'restarted' }
}

/** The event of a row. */
export function messageOf({ at, previous, type, data }: Row): StoredMessage {
  return { type: fromText(type!), data: fromText(data!), position: Number(at), previous: Number(previous) }
}
