import type { EventManager } from '@rivulet/server'
import type { events } from '../shared/events.ts'
import { AccountError, type Accounts } from './accounts.ts'
import { type Row, readRows } from './read-rows.ts'

/** Time for which an import can be viewed after its end. The manager keeps its events as long. */
export const keptMs = 60 * 60 * 1_000

/** Running and recently finished imports. Each publishes to its own channel, named by its id. */
export class Imports {
  readonly #manager: EventManager<typeof events>
  readonly #accounts: Accounts
  readonly #running = new Map<string, AbortController>()
  readonly #known = new Set<string>()

  constructor(manager: EventManager<typeof events>, accounts: Accounts) {
    this.#manager = manager
    this.#accounts = accounts
  }

  has(id: string): boolean {
    return this.#known.has(id)
  }

  /**
   * Starts to import a file.
   *
   * @throws {FileError} if the file cannot be read. Nothing has happened then.
   */
  start(id: string, name: string, csv: string): void {
    const rows = readRows(csv)
    const abort = new AbortController()
    this.#known.add(id)
    this.#running.set(id, abort)
    void this.#run(id, name, rows, abort.signal)
  }

  /** Ends an import after its current row. Returns `false` if no import with this id is running. */
  cancel(id: string): boolean {
    this.#running.get(id)?.abort()
    return this.#running.has(id)
  }

  cancelAll(): void {
    for (const abort of this.#running.values()) abort.abort()
  }

  async #run(id: string, name: string, rows: readonly Row[], signal: AbortSignal): Promise<void> {
    const { emit } = this.#manager.channel(id)
    const startedAt = performance.now()
    const durationMs = () => Math.round(performance.now() - startedAt)
    emit('started', { name, rows: rows.length })
    try {
      for (const { line, fields } of rows) {
        if (signal.aborted) break
        const rejected = await this.#add(fields)
        emit('row', { line, email: fields.email ?? '', ...(rejected && { rejected }) })
      }
      emit('finished', { outcome: signal.aborted ? 'cancelled' : 'completed', durationMs: durationMs() })
    } catch (error) {
      emit('finished', { outcome: 'failed', durationMs: durationMs(), error: (error as Error).message })
    }
    this.#running.delete(id)
    setTimeout(() => this.#known.delete(id), keptMs).unref()
  }

  /** Reason why a row was rejected; `undefined` if it was accepted. */
  async #add(fields: Row['fields']): Promise<string | undefined> {
    try {
      await this.#accounts.add(fields)
      return undefined
    } catch (error) {
      if (error instanceof AccountError) return error.message
      throw error
    }
  }
}
