import { createHash } from 'node:crypto'
import type { BackplaneMessage, PublishOptions, PublishResult } from '@rivulet/server'
import type { Database } from '../database/database.js'
import { PostgresSetupError } from '../database/errors.js'
import { Grouping } from '../database/grouping.js'
import type { Row } from '../database/postgres-client.js'
import { toText } from '../database/text.js'
import { type Bounds, graceMs } from './bounds.js'

/** An event as the database takes it. */
export interface Publication {
  readonly channel: string
  readonly type: string
  readonly data: string
  readonly live: boolean
  /** Time for which it is stored, in milliseconds. */
  readonly ageMs: number
  readonly key: string | null
}

/** Events of one statement, and their characters. */
const maxItems = 500
const maxSize = 1_048_576

/** Time for which live-only events are stored, so that every node has delivered them, in milliseconds. */
const liveAgeMs = 30_000

export function publicationOf(
  channel: string,
  { type, data }: BackplaneMessage,
  { retain, idempotencyKey }: PublishOptions,
  { maxEvents, maxBytes, maxAgeMs }: Bounds,
): Publication {
  const live = !retain || maxEvents < 1 || (maxBytes === 0 && maxAgeMs === 0)
  return {
    channel: toText(channel),
    type: toText(type),
    data: toText(data),
    live,
    ageMs: live ? liveAgeMs : Math.max(maxAgeMs, graceMs),
    key: idempotencyKey === undefined ? null : keyText(idempotencyKey),
  }
}

/** The index takes texts up to about 2,700 bytes, together with the channel. */
function keyText(key: string): string {
  if (key.length <= 200 && !key.startsWith('sha256:')) return toText(key)
  return `sha256:${createHash('sha256').update(key).digest('base64')}`
}

/** Publishes events, one statement at a time, each with all waiting events. */
export class Publishing {
  readonly #database: Database
  readonly #windowMs: number
  readonly #onStored: (position: number) => void
  readonly #groups: Grouping<Publication, PublishResult>

  /** @param onStored Called after each statement, with the highest position of its events. */
  constructor(database: Database, windowMs: number, onStored: (position: number) => void) {
    this.#database = database
    this.#windowMs = windowMs
    this.#onStored = onStored
    this.#groups = new Grouping({
      maxItems,
      maxSize,
      sizeOf: ({ data }) => data.length,
      maxWaitMs: database.timeoutMs,
      onLate: () => database.lateError('publish'),
      run: (items) => this.#publish(items),
    })
  }

  publish(publication: Publication): Promise<PublishResult> {
    return this.#groups.add(publication)
  }

  async #publish(items: readonly Publication[]): Promise<PublishResult[]> {
    const { waitMs, known } = this.#database
    const batch = items.map(({ channel, type, data, live, ageMs, key }) => {
      return { c: channel, t: type, d: data, l: live, a: String(ageMs), k: key ?? undefined }
    })
    const rows = await this.#database.call('publish', 'publish', JSON.stringify(batch), this.#windowMs, waitMs, known)
    const results = rows.map(resultOf)
    const last = Math.max(0, ...results.map(({ position = 0 }) => position))
    this.#database.note(last)
    this.#onStored(last)
    return results
  }

  /** The statement that publishes an event in a transaction of the application, and its values. */
  statementFor({ channel, type, data, live, ageMs, key }: Publication): { text: string; values: (string | null)[] } {
    const values = [channel, type, data, String(live), String(ageMs), key, String(this.#windowMs)]
    return { text: this.#database.statement('enqueue', values.length), values }
  }
}

/** @throws {PostgresSetupError} if the row does not come from `publish` or `enqueue`. */
export function resultOf(row: Row | undefined): PublishResult {
  if (row?.duplicate === undefined) {
    const fix = 'Pass a client whose query method resolves with the rows of the result.'
    throw new PostgresSetupError('version', 'the statement that publishes an event returned no row.', fix)
  }
  return { position: row.at == null ? undefined : Number(row.at), duplicate: row.duplicate === 'true' }
}
