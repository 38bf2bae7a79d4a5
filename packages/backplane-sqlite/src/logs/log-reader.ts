import type { ReadResult, StoredMessage } from '@rivulet/server'
import { numberOf, type Row } from '../database/sqlite-database.js'
import type { Store } from '../database/store.js'
import { type ChunkEvent, eventsOf } from './chunk.js'
import type { Edge, Log } from './log.js'

/** Chunks read at once. */
const chunksPerRead = 32

const chunkColumns = 'last, previous, number, total, head'

/** The part of a read's result that is about one channel. */
export type LogRead = Pick<ReadResult, 'messages' | 'continuous' | 'lastPosition'>

/** Reads the stored events of a log. Leaves out those that are beyond its bounds but not dropped yet. */
export class LogReader {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Reads up to `limit` kept events after a position; 0 for the metadata alone. */
  read(log: Log, after: number, limit: number): LogRead {
    const { last } = log.facts
    if (after >= last) return { messages: [], continuous: true, lastPosition: last }
    // One for the whole read: events that expired between two pages would be missing in silence.
    const edge = this.#edge(log)
    const first = limit > 0 ? undefined : this.#first(log, edge, after)
    const messages = limit > 0 ? this.#messages(log, edge, after, limit) : []
    const beginning = (messages[0] ?? first)?.previous ?? last
    return { messages, continuous: beginning <= after, lastPosition: last }
  }

  #edge(log: Log): Edge {
    return log.edge(this.#store.positions.now())
  }

  #messages(log: Log, edge: Edge, after: number, limit: number): StoredMessage[] {
    const messages: StoredMessage[] = []
    let position = after
    for (;;) {
      const count = Math.min(chunksPerRead, limit - messages.length)
      const rows = this.#rows(log, edge, `${chunkColumns}, body`, position, count)
      for (const row of rows) {
        for (const { number: _, charsBefore: __, ...event } of visible(row, edge, after)) {
          if (messages.length < limit) messages.push(event)
        }
        position = numberOf(row.last)
      }
      if (rows.length < count || messages.length >= limit) return messages
    }
  }

  /** The first kept event after a position, without its data. */
  #first(log: Log, edge: Edge, after: number): ChunkEvent | undefined {
    for (let position = after; ; ) {
      const [row] = this.#rows(log, edge, chunkColumns, position, 1)
      if (!row) return undefined
      const [event] = visible(row, edge, after)
      if (event) return event
      position = numberOf(row.last)
    }
  }

  #rows(log: Log, edge: Edge, columns: string, after: number, limit: number): Row[] {
    const { id } = log.facts
    if (id === undefined) return []
    return this.#store.all(
      `SELECT ${columns} FROM rivulet_chunks WHERE channel = ? AND last > ? AND number > ? ORDER BY last LIMIT ?`,
      id,
      Math.max(after, edge.position),
      edge.number,
      limit,
    )
  }

  /** The position after which the last `count` kept events follow, of those before a position. */
  seek(log: Log, count: number, before: number): number {
    const { id, number, last } = log.facts
    const beginning = this.#first(log, this.#edge(log), 0)
    if (!beginning || id === undefined) return last
    const [divided] = this.#rows(log, { position: 0, number: 0, total: 0 }, chunkColumns, before - 1, 1)
    const around = divided ? eventsOf(divided) : []
    const next = around.find(({ position }) => position >= before)
    const target = (next ? next.number - 1 : number) - count
    if (target < beginning.number) return beginning.previous
    const found = around.find((event) => event.number === target)
    if (found) return found.position
    const row = this.#store.get(
      `SELECT ${chunkColumns} FROM (
         SELECT ${chunkColumns} FROM rivulet_chunks WHERE channel = ? AND last < ? ORDER BY last DESC LIMIT ?
       ) WHERE number >= ? ORDER BY last LIMIT 1`,
      id,
      before,
      Math.min(count + 1, Number.MAX_SAFE_INTEGER),
      target,
    )
    return eventsOf(row!).find((event) => event.number === target)!.position
  }
}

/** The events of a chunk after a position that are within the edge. */
function visible(row: Row, edge: Edge, after: number): ChunkEvent[] {
  const from = Math.max(after, edge.position)
  return eventsOf(row).filter(
    ({ position, number, charsBefore }) => position > from && number > edge.number && charsBefore >= edge.total,
  )
}
