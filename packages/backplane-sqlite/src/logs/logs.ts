import { type BackplaneMessage, type StoredMessage, timeAfter } from '@rivulet/server'
import { fromColumn, numberOf, toColumn } from '../database/sqlite-database.js'
import type { Store } from '../database/store.js'
import { type Bounds, Log, type LogFacts } from './log.js'

/** Channels remembered besides those with subscribers. */
const maxCached = 10_000
/** Time for which a channel's last position outlives its events, in milliseconds: a week. */
const memoryMs = 7 * 86_400_000
/** Checks per age. Expired events may stay in the file for this fraction of their age. */
const looksPerAge = 8

/** The logs of all channels: it loads them, appends to them in a transaction, and drops events beyond their bounds. */
export class Logs {
  readonly #store: Store
  /** Logs of channels with subscribers. */
  readonly #held = new Map<string, Log>()
  readonly #cached = new Map<string, Log>()
  readonly #dirty = new Set<Log>()

  constructor(store: Store) {
    this.#store = store
  }

  /** Returns the log of a channel, as far as this process knows it. */
  known(channel: string): Log | undefined {
    return this.#held.get(channel) ?? this.#cached.get(channel)
  }

  /** Returns the log of a channel. An unknown one begins at the given position, or after all that was dropped. */
  open(channel: string, bounds: () => Bounds, beginning?: number): Log {
    const known = this.known(channel)
    if (known) return known
    const its = bounds()
    // A channel that keeps nothing has no events that could have been dropped.
    const start = beginning ?? (its.maxEvents === 0 ? this.#store.origin : undefined)
    const log = new Log(channel, its, this.#load(channel) ?? this.#unknown(start))
    this.#cache(log)
    return log
  }

  #cache(log: Log): void {
    this.#cached.set(log.channel, log)
    if (this.#cached.size <= maxCached) return
    for (const [channel, oldest] of this.#cached) {
      if (this.#cached.size <= maxCached) return
      if (!oldest.dirty) this.#cached.delete(channel)
    }
  }

  #load(channel: string): LogFacts | undefined {
    const store = this.#store
    const row = store.get('SELECT id, last, number, total, due FROM rivulet_channels WHERE name = ?', toColumn(channel))
    if (!row) return undefined
    const id = numberOf(row.id)
    const [floorNumber, floorTotal] = [numberOf(row.number), numberOf(row.total)]
    const newest =
      store.get('SELECT last, number, total FROM rivulet_chunks WHERE channel = ? ORDER BY last DESC LIMIT 1', id) ??
      row
    return {
      id,
      last: numberOf(newest.last),
      number: numberOf(newest.number),
      total: numberOf(newest.total),
      floorNumber,
      floorTotal,
      due: row.due === null ? Infinity : numberOf(row.due),
    }
  }

  #unknown(beginning = Math.max(this.#store.origin, this.#store.dropped)): LogFacts {
    return { id: undefined, last: beginning, number: 0, total: 0, floorNumber: 0, floorTotal: 0, due: Infinity }
  }

  /** Remembers the channel's last position until `release`. */
  hold(channel: string, bounds: () => Bounds, beginning?: number): void {
    this.#held.set(channel, this.open(channel, bounds, beginning))
    this.#cached.delete(channel)
  }

  release(channel: string): void {
    const log = this.#held.get(channel)
    this.#held.delete(channel)
    // Clients that join and leave channels of their own invention leave nothing behind.
    if (log && (log.facts.id !== undefined || log.dirty)) this.#cache(log)
  }

  /** Appends an event in the current transaction. */
  append(log: Log, message: BackplaneMessage): StoredMessage {
    const { facts, bounds } = log
    this.#touch(log)
    const { positions } = this.#store
    if (facts.id === undefined || facts.due > positions.now() + bounds.maxAgeMs) this.#due(log, bounds.maxAgeMs)
    return log.append(message, positions.next())
  }

  #touch(log: Log): void {
    log.dirty = true
    this.#dirty.add(log)
  }

  /** Stores the time of the next check, in milliseconds from now, and the channel if it is new. */
  #due({ channel, facts }: Log, ms: number): void {
    const store = this.#store
    facts.due = store.positions.now() + ms
    const due = facts.due === Infinity ? null : Math.floor(facts.due)
    if (facts.id !== undefined) store.run('UPDATE rivulet_channels SET due = ? WHERE id = ?', due, facts.id)
    else {
      const sql = 'INSERT INTO rivulet_channels (name, last, number, total, due) VALUES (?, ?, ?, ?, ?) RETURNING id'
      const { floorNumber, floorTotal, last } = facts
      facts.id = numberOf(store.get(sql, toColumn(channel), last, floorNumber, floorTotal, due)!.id)
    }
  }

  /** Writes the events that the current transaction appended, and drops those beyond the bounds. */
  write(): void {
    for (const log of this.#dirty) {
      if (log.facts.id === undefined) continue
      this.#writeChunks(log)
      if (log.exceeds) this.#trim(log)
    }
  }

  #writeChunks({ chunks, facts }: Log): void {
    let number = facts.number
    let total = facts.total
    for (const { events, chars } of chunks) {
      number -= events.length
      total -= chars
    }
    const sql = 'INSERT INTO rivulet_chunks VALUES (?, ?, ?, ?, ?, ?, ?)'
    for (const chunk of chunks) {
      number += chunk.events.length
      total += chunk.chars
      this.#store.run(sql, chunk.last, facts.id!, chunk.previous, number, total, chunk.head(), chunk.body())
    }
  }

  /** Called after each transaction. */
  settled(stored: boolean): void {
    for (const log of this.#dirty) {
      // The position of the last event before the transaction.
      const beginning = log.chunks[0]?.previous
      log.dirty = false
      log.chunks = []
      // Loaded again when it is next needed: a transaction that failed has changed nothing.
      if (!stored) this.#forgetFacts(log, beginning)
    }
    this.#dirty.clear()
  }

  #forgetFacts({ channel, bounds }: Log, beginning: number | undefined): void {
    this.#cached.delete(channel)
    if (!this.#held.delete(channel)) return
    try {
      this.hold(channel, () => bounds, beginning)
    } catch {
      // The database cannot be read either. The next use loads it.
    }
  }

  /** Drops chunks whose events are all beyond the bounds. */
  #trim(log: Log): void {
    const { facts } = log
    const { position, number, total } = log.edge(this.#store.positions.now())
    const first = this.#store.get(
      `SELECT last, previous FROM rivulet_chunks
       WHERE channel = ? AND number > ? AND total >= ? AND last > ? ORDER BY last LIMIT 1`,
      facts.id!,
      number,
      total,
      position,
    )
    this.#drop(log, first ? numberOf(first.previous) : facts.last)
  }

  #drop({ facts }: Log, upTo: number): void {
    const store = this.#store
    const id = facts.id!
    const dropped = store.get(
      'SELECT number, total FROM rivulet_chunks WHERE channel = ? AND last <= ? ORDER BY last DESC LIMIT 1',
      id,
      upTo,
    )
    if (!dropped) return
    facts.floorNumber = numberOf(dropped.number)
    facts.floorTotal = numberOf(dropped.total)
    store.run('DELETE FROM rivulet_chunks WHERE channel = ? AND last <= ?', id, upTo)
    const sql = 'UPDATE rivulet_channels SET last = ?, number = ?, total = ? WHERE id = ?'
    store.run(sql, upTo, facts.floorNumber, facts.floorTotal, id)
  }

  /** Drops all events of a channel. Its last position stays known. */
  forget(log: Log): void {
    if (log.facts.id === undefined) return
    this.#touch(log)
    this.#drop(log, log.facts.last)
    this.#due(log, memoryMs)
  }

  /** Drops expired events, and at its time the channel. */
  expire(log: Log): void {
    const { facts, bounds } = log
    if (facts.id === undefined) return
    this.#touch(log)
    this.#trim(log)
    const now = this.#store.positions.now()
    if (facts.number > facts.floorNumber) {
      const sql = 'SELECT last FROM rivulet_chunks WHERE channel = ? ORDER BY last LIMIT 1'
      const oldest = numberOf(this.#store.get(sql, facts.id)!.last)
      const left = timeAfter(oldest) + bounds.maxAgeMs - now
      this.#due(log, Math.max(left, bounds.maxAgeMs / looksPerAge))
      return
    }
    const left = timeAfter(facts.last) + memoryMs - now
    if (left > 0 || this.#held.has(log.channel)) this.#due(log, Math.max(left, memoryMs / looksPerAge))
    else this.#removeForgotten(log)
  }

  /** Removes a channel with its events. Others may begin only after its last position. */
  #removeForgotten(log: Log): void {
    this.#store.dropped = Math.max(this.#store.dropped, log.facts.last)
    this.remove(log.channel)
  }

  /** Removes a channel with its events. */
  remove(channel: string): void {
    const store = this.#store
    const row = store.get('SELECT id FROM rivulet_channels WHERE name = ?', toColumn(channel))
    if (row) {
      store.run('DELETE FROM rivulet_chunks WHERE channel = ?', numberOf(row.id))
      store.run('DELETE FROM rivulet_channels WHERE id = ?', numberOf(row.id))
    }
    const log = this.known(channel)
    if (log) this.begin(channel, log.facts.last)
  }

  /** Begins a channel that has no events. */
  begin(channel: string, beginning: number): void {
    const log = this.known(channel)
    if (!log) return
    this.#touch(log)
    log.facts = this.#unknown(beginning)
    log.chunks = []
  }

  /** Postpones the check of a channel, whatever its bounds are. */
  postpone(channel: string, ms: number): void {
    const due = Math.floor(this.#store.positions.now() + ms)
    this.#store.run('UPDATE rivulet_channels SET due = ? WHERE name = ?', due, toColumn(channel))
  }

  /** Returns channels that are due for a check. */
  due(limit: number): string[] {
    const now = Math.floor(this.#store.positions.now())
    const sql = 'SELECT name FROM rivulet_channels WHERE due <= ? ORDER BY due LIMIT ?'
    return this.#store.all(sql, now, limit).map(({ name }) => fromColumn(name))
  }
}
