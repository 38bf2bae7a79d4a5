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
} from '@rivulet/server'
import type { Database } from '../database/database.js'
import { fromText, toText } from '../database/text.js'
import { checkChannelName } from '../logs/bounds.js'

/** The runs in the database. A run's events are in the log of its channel. */
export class PostgresRuns implements RunStore {
  readonly #database: Database
  readonly #onStored: () => void

  /** @param onStored Called when events of a run were stored. */
  constructor(database: Database, onStored: () => void) {
    this.#database = database
    this.#onStored = onStored
  }

  async create(id: string, creation: RunCreation): Promise<RunCreated> {
    checkChannelName(runChannel(id))
    const { token, key, leaseMs, keepMs, maxBytes, maxRunning } = creation
    const { waitMs, known } = this.#database
    const bounds = [leaseMs, keepMs, maxBytes, maxRunning].map(String)
    const values = [toText(id), token, textOrNull(key), ...bounds, waitMs, known]
    const [row] = await this.#database.call('run', 'create_run', ...values)
    const { record, created } = row!
    if (record == null) return { run: undefined, created: false }
    return { run: recordOf(record), created: created === 'true' }
  }

  async append(id: string, token: string, ordinal: number, messages: readonly BackplaneMessage[]): Promise<boolean> {
    const { waitMs, known } = this.#database
    const values = [toText(id), token, ordinal, eventsText(messages), eventsText([lossNotice]), waitMs, known]
    const [row] = await this.#database.call('run', 'append_run', ...values)
    this.#onStored()
    return row!.append_run === 'true'
  }

  async renew(leases: readonly { readonly id: string; readonly token: string }[], leaseMs: number): Promise<boolean[]> {
    const items = leases.map(({ id, token }) => ({ i: toText(id), t: token }))
    const rows = await this.#database.call('run', 'renew_runs', JSON.stringify(items), leaseMs)
    return rows.map(({ held }) => held === 'true')
  }

  async finish(id: string, ender: RunEnder, { state, reason, message }: RunEnd): Promise<boolean> {
    const { waitMs, known } = this.#database
    const [by, token] = typeof ender === 'object' ? ['token', ender.token] : [ender, null]
    const values = [toText(id), by, token, state, textOrNull(reason), eventsText([message]), waitMs, known]
    const [row] = await this.#database.call('run', 'finish_run', ...values)
    this.#onStored()
    return row!.finish_run === 'true'
  }

  async lapsed(limit: number): Promise<{ ids: string[]; nextMs: number | undefined }> {
    const rows = await this.#database.call('run', 'lapsed_runs', limit)
    const ids = rows.flatMap(({ id }) => (id == null ? [] : [fromText(id)]))
    const next = rows.at(-1)?.next_ms
    return { ids, nextMs: next == null ? undefined : Number(next) }
  }

  async get(id: string): Promise<RunRecord | undefined> {
    const [row] = await this.#database.call('run', 'get_run', toText(id))
    return row && recordOf(row.record!)
  }

  async list(key: string, limit: number): Promise<RunRecord[]> {
    const rows = await this.#database.call('run', 'list_runs', toText(key), Math.min(limit, Number.MAX_SAFE_INTEGER))
    return rows.map(({ record }) => recordOf(record!))
  }

  async forget(id: string): Promise<boolean> {
    const [row] = await this.#database.call('run', 'forget_run', toText(id))
    return row!.forget_run === 'true'
  }
}

function eventsText(messages: readonly BackplaneMessage[]): string {
  return JSON.stringify(messages.map(({ type, data }) => ({ t: toText(type), d: toText(data) })))
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined ? null : toText(text)
}

function recordOf(text: string): RunRecord {
  const record = JSON.parse(text) as Record<keyof RunRecord, string | number | boolean | null>
  return {
    ...(record as unknown as RunRecord),
    id: fromText(record.id as string),
    key: record.key === null ? undefined : fromText(record.key as string),
    reason: record.reason === null ? undefined : fromText(record.reason as string),
    endedAt: (record.endedAt as number | null) ?? undefined,
    end: (record.end as number | null) ?? undefined,
  }
}
