import {
  type BackplaneMessage,
  lossNotice,
  type RunCreated,
  type RunCreation,
  type RunEnd,
  type RunEnder,
  type RunRecord,
  type RunStore,
  runChannel,
  type StoredMessage,
} from '@rivulet/server'
import { WriteStep } from '../commits/step.js'
import { fromColumn, fromOptionalColumn, numberOf, type Row, toColumn } from '../database/sqlite-database.js'
import type { Store } from '../database/store.js'
import type { Log } from '../logs/log.js'
import type { Logs } from '../logs/logs.js'

/** The parts of the backplane that the runs use. */
export interface SqliteRunsOptions {
  readonly store: Store
  readonly logs: Logs
  /** Stores a step. */
  readonly add: (step: WriteStep<unknown>) => void
  /** Passes stored events on to the subscribers of a channel. */
  readonly pass: (channel: string, events: readonly StoredMessage[]) => void
  /** Runs a read, and wraps the errors of the driver. */
  readonly reading: <T>(read: () => T) => T
}

/** A stored run. */
interface StoredRun extends RunRecord {
  readonly token: string
  readonly due: number
  readonly keepMs: number
  readonly maxChars: number
  readonly ordinal: number
}

/** Runs that one step drops. */
const runsPerSweep = 50

/** The run store of a database. A run's events are in the log of its channel. */
export class SqliteRuns implements RunStore {
  readonly #options: SqliteRunsOptions

  constructor(options: SqliteRunsOptions) {
    this.#options = options
  }

  #now(): number {
    return Math.floor(this.#options.store.positions.now())
  }

  #write<T>(write: () => T, pass?: (result: T) => void): Promise<T> {
    const step = new WriteStep(write, pass)
    this.#options.add(step as WriteStep<unknown>)
    return step.promise
  }

  #find(id: string): StoredRun | undefined {
    const row = this.#options.store.get('SELECT * FROM rivulet_runs WHERE id = ?', toColumn(id))
    const run = row && runOf(row, this.#now())
    // The sweeper may be late.
    return run && (run.state === 'running' || run.due > this.#now()) ? run : undefined
  }

  /** The run if the token holds its lease. */
  #held(id: string, token: string): StoredRun | undefined {
    const run = this.#find(id)
    return run?.state === 'running' && run.token === token && !run.lapsed ? run : undefined
  }

  #log({ id, maxChars, beginning }: StoredRun): Log {
    const bounds = { maxEvents: Infinity, maxBytes: maxChars, maxAgeMs: Infinity }
    const log = this.#options.logs.open(runChannel(id), () => bounds, beginning)
    log.bounds = bounds
    return log
  }

  create(id: string, creation: RunCreation): Promise<RunCreated> {
    return this.#write(() => this.#create(id, creation))
  }

  #create(id: string, { token, key, leaseMs, keepMs, maxBytes, maxRunning }: RunCreation): RunCreated {
    const { store } = this.#options
    const known = this.#find(id)
    if (known) return { run: recordOf(known), created: known.token === token }
    if (key !== undefined && maxRunning < Infinity) {
      const sql = "SELECT count(*) AS count FROM rivulet_runs WHERE key = ? AND state = 'running'"
      if (numberOf(store.get(sql, toColumn(key))!.count) >= maxRunning) return { run: undefined, created: false }
    }
    this.#drop(id)
    const [now, beginning] = [this.#now(), store.positions.next()]
    store.run(
      `INSERT INTO rivulet_runs (id, key, token, state, started_at, beginning, due, keep_ms, max_chars, ordinal)
       VALUES (?, ?, ?, 'running', ?, ?, ?, ?, ?, 0)`,
      toColumn(id),
      key === undefined ? null : toColumn(key),
      token,
      now,
      beginning,
      bounded(now + leaseMs),
      bounded(keepMs),
      bounded(maxBytes),
    )
    this.#options.logs.begin(runChannel(id), beginning)
    return { run: recordOf(this.#find(id)!), created: true }
  }

  append(id: string, token: string, ordinal: number, messages: readonly BackplaneMessage[]): Promise<boolean> {
    const append = (): StoredMessage[] | undefined => {
      const run = this.#held(id, token)
      if (!run) return undefined
      const fresh = messages.slice(Math.max(0, run.ordinal - ordinal))
      const sql = 'UPDATE rivulet_runs SET ordinal = ? WHERE id = ?'
      this.#options.store.run(sql, Math.max(run.ordinal, ordinal) + fresh.length, toColumn(id))
      return this.#append(run, ordinal > run.ordinal ? [lossNotice, ...fresh] : fresh)
    }
    const pass = (events: StoredMessage[] | undefined) => this.#options.pass(runChannel(id), events ?? [])
    return this.#write(append, pass).then((events) => events !== undefined)
  }

  #append(run: StoredRun, messages: readonly BackplaneMessage[]): StoredMessage[] {
    const log = this.#log(run)
    return messages.map((message) => this.#options.logs.append(log, message))
  }

  renew(leases: readonly { readonly id: string; readonly token: string }[], leaseMs: number): Promise<boolean[]> {
    return this.#write(() =>
      leases.map(({ id, token }) => {
        const held = this.#held(id, token) !== undefined
        if (held) {
          const due = bounded(this.#now() + leaseMs)
          this.#options.store.run('UPDATE rivulet_runs SET due = ? WHERE id = ?', due, toColumn(id))
        }
        return held
      }),
    )
  }

  finish(id: string, ender: RunEnder, end: RunEnd): Promise<boolean> {
    const pass = (event: StoredMessage | undefined) => this.#options.pass(runChannel(id), event ? [event] : [])
    return this.#write(() => this.#finish(id, ender, end), pass).then((event) => event !== undefined)
  }

  #finish(id: string, ender: RunEnder, { state, reason, message }: RunEnd): StoredMessage | undefined {
    const run = typeof ender === 'object' ? this.#held(id, ender.token) : this.#find(id)
    if (run?.state !== 'running' || (ender === 'lapsed' && !run.lapsed)) return undefined
    const { store } = this.#options
    // Room for the terminal event, which is kept in any case.
    const maxChars = bounded(run.maxChars + message.data.length)
    const event = this.#append({ ...run, maxChars }, [message])[0]!
    const now = this.#now()
    store.run(
      'UPDATE rivulet_runs SET state = ?, reason = ?, ended_at = ?, end_position = ?, due = ?, max_chars = ? WHERE id = ?',
      state,
      reason === undefined ? null : toColumn(reason),
      now,
      event.position,
      bounded(now + run.keepMs),
      maxChars,
      toColumn(id),
    )
    return event
  }

  lapsed(limit: number): { ids: string[]; nextMs: number | undefined } {
    return this.#options.reading(() => {
      const { store } = this.#options
      const now = this.#now()
      const sql = "SELECT id FROM rivulet_runs WHERE (state = 'running') = 1 AND due <= ? ORDER BY due LIMIT ?"
      const ids = store.all(sql, now, limit).map(({ id }) => fromColumn(id))
      if (ids.length > 0) return { ids, nextMs: undefined }
      const next = store.get("SELECT min(due) AS due FROM rivulet_runs WHERE (state = 'running') = 1")
      return { ids, nextMs: next?.due == null ? undefined : numberOf(next.due) - now }
    })
  }

  get(id: string): RunRecord | undefined {
    return this.#options.reading(() => {
      const run = this.#find(id)
      return run && recordOf(run)
    })
  }

  list(key: string, limit: number): RunRecord[] {
    return this.#options.reading(() => {
      const now = this.#now()
      const sql = `SELECT * FROM rivulet_runs WHERE key = ? AND (state = 'running' OR due > ?)
        ORDER BY beginning DESC LIMIT ?`
      return this.#options.store.all(sql, toColumn(key), now, bounded(limit)).map((row) => recordOf(runOf(row, now)))
    })
  }

  forget(id: string): Promise<boolean> {
    return this.#write(() => {
      if (this.#find(id)?.state === 'running') return false
      this.#drop(id)
      return true
    })
  }

  #drop(id: string): void {
    const { store, logs } = this.#options
    store.run('DELETE FROM rivulet_runs WHERE id = ?', toColumn(id))
    logs.remove(runChannel(id))
  }

  /** Drops some runs whose time is over. @returns Their number. */
  expire(): number {
    const sql = "SELECT id FROM rivulet_runs WHERE (state = 'running') = 0 AND due <= ? ORDER BY due LIMIT ?"
    const over = this.#options.store.all(sql, this.#now(), runsPerSweep)
    for (const { id } of over) this.#drop(fromColumn(id))
    return over.length
  }

  /** Stores a notice in each running run, where the database may have lost the last events before its origin. */
  noticeLosses(): void {
    const { store } = this.#options
    const sql = "SELECT * FROM rivulet_runs WHERE (state = 'running') = 1 AND beginning < ?"
    const running = store.all(sql, store.origin).map((row) => runOf(row, this.#now()))
    const lacking = running.filter((run) => this.#log(run).facts.last < store.origin)
    if (lacking.length === 0) return
    const stored = this.#write(
      () => lacking.map((run) => ({ channel: runChannel(run.id), events: this.#append(run, [lossNotice]) })),
      (notices) => {
        for (const { channel, events } of notices) this.#options.pass(channel, events)
      },
    )
    // Subscribers are told of the failure, and the next start tries again.
    stored.catch(() => {})
  }

  /** Finds a run with the log of its channel. */
  open(id: string): { readonly log: Log; readonly record: RunRecord } | undefined {
    const run = this.#find(id)
    return run && { log: this.#log(run), record: run }
  }
}

function runOf(row: Row, now: number): StoredRun {
  const state = row.state as RunRecord['state']
  const due = numberOf(row.due)
  return {
    id: fromColumn(row.id),
    key: fromOptionalColumn(row.key),
    state,
    reason: fromOptionalColumn(row.reason),
    startedAt: numberOf(row.started_at),
    endedAt: row.ended_at === null ? undefined : numberOf(row.ended_at),
    beginning: numberOf(row.beginning),
    end: row.end_position === null ? undefined : numberOf(row.end_position),
    lapsed: state === 'running' && due <= now,
    token: row.token as string,
    due,
    keepMs: numberOf(row.keep_ms),
    maxChars: numberOf(row.max_chars),
    ordinal: numberOf(row.ordinal),
  }
}

/** The public part of a run. */
function recordOf(run: StoredRun): RunRecord {
  const { id, key, state, reason, startedAt, endedAt, beginning, end, lapsed } = run
  return { id, key, state, reason, startedAt, endedAt, beginning, end, lapsed }
}

/** A number that a column takes exactly. */
function bounded(value: number): number {
  return Math.min(Math.floor(value), Number.MAX_SAFE_INTEGER)
}
