import { type Clock, systemClock } from '@rivulet/core'
import {
  type Backplane,
  type BackplaneMessage,
  type BackplaneRegistry,
  type BackplaneSubscriber,
  boundsPer,
  ConfigurationError,
  type LiveMessage,
  MemoryBackplane,
  type PublishOptions,
  type PublishResult,
  type ReadResult,
  type Retention,
  type RunStore,
  runOf,
} from '@rivulet/server'
import { Commits } from './commits/commits.js'
import { type Step, WriteStep } from './commits/step.js'
import { Sweeper } from './commits/sweeper.js'
import { SqliteStoreError, storeError } from './database/errors.js'
import type { SqliteDatabase } from './database/sqlite-database.js'
import { Store } from './database/store.js'
import { IdempotencyKeys } from './logs/idempotency-keys.js'
import type { Bounds, Log } from './logs/log.js'
import { type LogRead, LogReader } from './logs/log-reader.js'
import { Logs } from './logs/logs.js'
import { Publish, type Publishing } from './logs/publish.js'
import { SqliteRuns } from './runs/sqlite-runs.js'

export interface SqliteBackplaneOptions {
  /**
   * An open database of `better-sqlite3`, `libsql` or `node:sqlite`, in a file that contains nothing else. The backplane sets
   * `journal_mode`, `synchronous` and `busy_timeout` of the connection, and does not close it.
   */
  database: SqliteDatabase
  /** The retention of each channel, or a function from a channel to its retention, which must return the same each time. */
  retention?: Retention | ((channel: string) => Retention)
  /**
   * Safety when the power fails or the operating system crashes. A process that crashes or is killed loses nothing in
   * either mode.
   *
   * - `'normal'`: the last acknowledged events may be lost. After the next start, every earlier client is told of a gap.
   * - `'full'`: nothing is lost. Each commit waits for the disk.
   *
   * @default 'normal'
   */
  synchronous?: 'normal' | 'full'
  /** Time for which an idempotency key is remembered, in milliseconds. @default 300_000 (five minutes) */
  idempotencyWindowMs?: number
  /** Time for which events wait if another connection has locked the database, in milliseconds. @default 2_000 */
  lockTimeoutMs?: number
  /** Replaces time in tests. */
  clock?: Pick<Clock, 'now' | 'setTimeout' | 'clearTimeout' | 'defer'>
}

/** Expired items that one step drops. */
const channelsPerSweep = 50
const keysPerSweep = 1_000
/** Delay of the next check of a channel whose retention is not known, in milliseconds. */
const postponeMs = 3_600_000

/**
 * The backplane of one process that keeps events in an SQLite database. They survive restarts and crashes, and a client
 * resumes where it stopped. Several managers of the process may share it.
 *
 * Events that are published in one turn of the event loop are stored in one transaction, then acknowledged and delivered.
 *
 * @example
 * const backplane = new SqliteBackplane({ database: new Database('events.db') })
 * const manager = new EventManager({ events, backplane })
 */
export class SqliteBackplane implements Backplane {
  readonly registry: BackplaneRegistry
  readonly runs: RunStore
  readonly #boundsOf: (channel: string) => Bounds
  readonly #store: Store
  readonly #logs: Logs
  readonly #reader: LogReader
  readonly #keys: IdempotencyKeys
  readonly #runs: SqliteRuns
  readonly #publishing: Publishing
  readonly #commits: Commits
  readonly #sweeper: Sweeper
  readonly #subscribers = new Map<string, Set<BackplaneSubscriber>>()
  #closed = false

  /**
   * @throws {ConfigurationError} if an option has an invalid value.
   * @throws {SqliteStoreError} if the database cannot be used: another process writes to it, or it is damaged, for example.
   */
  constructor(options: SqliteBackplaneOptions) {
    const { database, retention, synchronous = 'normal', clock = systemClock } = options
    const { idempotencyWindowMs = 300_000, lockTimeoutMs = 2_000 } = options
    if (typeof database?.prepare !== 'function' || typeof database.exec !== 'function') {
      throw new ConfigurationError(
        'database',
        database,
        'Pass an open database of better-sqlite3, libsql or node:sqlite.',
      )
    }
    if (synchronous !== 'normal' && synchronous !== 'full') {
      throw new ConfigurationError('synchronous', synchronous, "Pass 'normal' or 'full'.")
    }
    for (const [name, value] of Object.entries({ idempotencyWindowMs, lockTimeoutMs })) {
      if (!(value >= 0)) throw new ConfigurationError(name, value, 'Pass a number, 0 or more.')
    }
    this.#boundsOf = boundsPer(retention)
    this.#store = new Store({ database, synchronous, clock })
    const [store, logs] = [this.#store, new Logs(this.#store)]
    this.#logs = logs
    this.#reader = new LogReader(store)
    this.#keys = new IdempotencyKeys(store, idempotencyWindowMs)
    this.#publishing = { logs, keys: this.#keys, pass: (channel, message) => this.#pass(channel, message) }
    this.#commits = new Commits({
      store,
      clock,
      timeoutMs: lockTimeoutMs,
      write: () => logs.write(),
      settled: (stored) => logs.settled(stored),
      onHealth: (error) => this.#report(error),
    })
    this.#runs = new SqliteRuns({
      store,
      logs,
      add: (step) => this.#add(step),
      pass: (channel, events) => {
        for (const event of events) this.#pass(channel, event)
      },
      reading: (read) => this.#reading(read),
    })
    this.runs = this.#runs
    this.registry = new MemoryBackplane({ clock }).registry
    try {
      this.#runs.noticeLosses()
    } catch (error) {
      this.#store.close()
      throw storeError('open', error)
    }
    this.#sweeper = new Sweeper(clock, () => this.#sweep())
  }

  publish(channel: string, message: BackplaneMessage, options: PublishOptions): Promise<PublishResult> {
    return new Promise((resolve, reject) => {
      // Rejects if the application's `retention` throws.
      const bounds = this.#logs.known(channel)?.bounds ?? this.#boundsOf(channel)
      const request = { channel, message, bounds, retain: options.retain, key: options.idempotencyKey }
      this.#add(new Publish(this.#publishing, request, resolve, reject))
    })
  }

  #add(step: Step): void {
    if (this.#closed) step.fail(new SqliteStoreError('closed', 'write'))
    else this.#commits.add(step)
  }

  #pass(channel: string, message: LiveMessage): void {
    for (const subscriber of this.#subscribers.get(channel) ?? []) {
      try {
        subscriber.onMessage(channel, message)
      } catch (error) {
        this.#tell(subscriber, error)
      }
    }
  }

  #report(error: unknown): void {
    const all = new Set([...this.#subscribers.values()].flatMap((subscribers) => [...subscribers]))
    for (const subscriber of all) this.#tell(subscriber, error)
  }

  #tell(subscriber: BackplaneSubscriber, error: unknown): void {
    try {
      subscriber.onHealth(error)
    } catch {
      // It has nobody else to tell, and must not keep others from their events.
    }
  }

  subscribe(channel: string, subscriber: BackplaneSubscriber): void {
    const subscribers = this.#subscribers.get(channel)
    if (subscribers) {
      subscribers.add(subscriber)
      return
    }
    if (runOf(channel) === undefined) {
      this.#reading(() => this.#logs.hold(channel, () => this.#boundsOf(channel)))
    }
    this.#subscribers.set(channel, new Set([subscriber]))
  }

  unsubscribe(channel: string, subscriber: BackplaneSubscriber): void {
    const subscribers = this.#subscribers.get(channel)
    if (!subscribers?.delete(subscriber) || subscribers.size > 0) return
    this.#subscribers.delete(channel)
    this.#logs.release(channel)
  }

  #reading<T>(read: () => T): T {
    if (this.#closed) throw new SqliteStoreError('closed', 'read')
    try {
      return read()
    } catch (error) {
      throw error instanceof ConfigurationError ? error : storeError('read', error)
    }
  }

  read(channel: string, after: number, limit: number): ReadResult {
    return this.#reading(() => {
      const run = runOf(channel)
      const result = run === undefined ? this.#readLog(channel, after, limit) : this.#readRun(run, after, limit)
      const clock = this.#store.clock()
      return { ...result, storedPosition: this.#store.positions.last, clock }
    })
  }

  #readLog(channel: string, after: number, limit: number): StreamRead {
    const { origin } = this.#store
    const result = this.#reader.read(this.#log(channel), after, limit)
    if (result.continuous && after >= origin) return result
    return { ...result, continuous: false, reason: after < origin ? 'restarted' : 'trimmed' }
  }

  #log(channel: string): Log {
    return this.#logs.open(channel, () => this.#boundsOf(channel))
  }

  #readRun(id: string, after: number, limit: number): StreamRead {
    const run = this.#runs.open(id)
    // The run is gone: its readers miss events.
    if (!run) {
      return { messages: [], continuous: false, reason: 'trimmed', lastPosition: this.#store.positions.last }
    }
    const result = this.#reader.read(run.log, after, limit)
    return result.continuous ? result : { ...result, reason: after < run.record.beginning ? 'restarted' : 'trimmed' }
  }

  seek(channel: string, count: number, before: number = Number.MAX_SAFE_INTEGER): number {
    return this.#reading(() => this.#reader.seek(this.#log(channel), count, before))
  }

  forget(channel: string): Promise<void> {
    const step = new WriteStep(() => {
      if (runOf(channel) === undefined) this.#logs.forget(this.#log(channel))
    })
    this.#add(step)
    return step.promise
  }

  async #sweep(): Promise<boolean> {
    const step = new WriteStep(() => {
      const channels = this.#logs.due(channelsPerSweep)
      for (const channel of channels) this.#expire(channel)
      const keys = this.#keys.expire(keysPerSweep)
      const runs = this.#runs.expire()
      return channels.length >= channelsPerSweep || keys >= keysPerSweep || runs > 0
    })
    this.#add(step)
    return step.promise
  }

  #expire(channel: string): void {
    let log: Log
    try {
      log = this.#log(channel)
    } catch (error) {
      // The application's `retention` throws. Its channel keeps its events, and must not keep others from expiring.
      this.#logs.postpone(channel, postponeMs)
      this.#report(error)
      return
    }
    this.#logs.expire(log)
  }

  /** Stores all published events, and releases the file for another backplane. Does not close the database. */
  close(): void {
    if (this.#closed) return
    this.#sweeper.close()
    this.#commits.close()
    this.#closed = true
    try {
      this.#store.close()
    } catch (error) {
      // The next process finds the file as a crash would leave it.
      this.#report(storeError('write', error))
    }
    this.#subscribers.clear()
  }
}

type StreamRead = LogRead & Pick<ReadResult, 'reason'>
