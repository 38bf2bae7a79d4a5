import type { BackplaneMessage, PublishResult, ReadResult } from '@rivulet/server'
import { FakeClock } from '@rivulet/testing'
import { onTestFinished } from 'vitest'
import { SqliteBackplane, type SqliteBackplaneOptions } from '../src/index.js'
import { type OpenDatabase, open, TemporaryFolder } from './drivers.js'
import { copyDatabase } from './flushed-disk.js'

export const kept = { retain: true } as const
export const text = (data: string): BackplaneMessage => ({ type: 'log', data })

interface Opened {
  readonly database: OpenDatabase
  backplane: SqliteBackplane | undefined
}

type Wrap = (database: OpenDatabase, file: string) => OpenDatabase

/** A backplane on a file, and what may happen to its process. Ends with the test. */
export class Scene {
  readonly folder: TemporaryFolder = new TemporaryFolder()
  readonly clock: FakeClock = new FakeClock()
  readonly #options: Partial<SqliteBackplaneOptions>
  readonly #wrap: Wrap
  readonly #opened: Opened[] = []
  file: string
  database!: OpenDatabase
  backplane!: SqliteBackplane

  /** @param wrap Given each database that is opened; returns the one that the backplane gets. */
  constructor(options: Partial<SqliteBackplaneOptions> = {}, wrap: Wrap = (database) => database) {
    this.#options = options
    this.#wrap = wrap
    this.file = this.folder.file()
    this.start()
    onTestFinished(() => {
      for (const { database, backplane } of this.#opened) {
        backplane?.close()
        database.close()
      }
      this.folder.dispose()
    })
  }

  start(options: Partial<SqliteBackplaneOptions> = {}): SqliteBackplane {
    this.database = this.#wrap(open(this.file), this.file)
    const opened: Opened = { database: this.database, backplane: undefined }
    this.#opened.push(opened)
    this.backplane = new SqliteBackplane({ database: this.database, clock: this.clock, ...this.#options, ...options })
    opened.backplane = this.backplane
    return this.backplane
  }

  /** Closes everything in order. */
  stop(): void {
    this.backplane.close()
    this.database.close()
    this.#opened.pop()
  }

  restart(options: Partial<SqliteBackplaneOptions> = {}): SqliteBackplane {
    this.stop()
    return this.start(options)
  }

  /** Goes on with the files as they are, which is what `kill -9` leaves behind. */
  crash(): void {
    const file = this.folder.file(`after-crash-${this.#opened.length}.db`)
    copyDatabase(this.file, file)
    this.file = file
  }

  /** Changes the file between two processes. */
  change(sql: string): void {
    const database = open(this.file)
    database.exec(sql)
    database.close()
  }

  /** Publishes in one turn of the event loop. */
  async publish(channel: string, data: readonly string[]): Promise<number[]> {
    const results = data.map((item) => this.backplane.publish(channel, text(item), kept))
    return (await this.turn(Promise.all(results))).map(({ position }) => position!)
  }

  async publishOnce(channel: string, data: string, idempotencyKey: string): Promise<PublishResult> {
    return this.turn(this.backplane.publish(channel, text(data), { retain: true, idempotencyKey }))
  }

  /** Ends the turn of the event loop, and waits. */
  async turn<T>(result: Promise<T> | T): Promise<T> {
    this.clock.advance(0)
    return result
  }

  read(channel: string, after: number, limit = 1_000): { data: string[] } & Pick<ReadResult, 'continuous' | 'reason'> {
    const { messages, continuous, reason } = this.backplane.read(channel, after, limit)
    return { data: messages.map(({ data }) => data), continuous, ...(reason && { reason }) }
  }

  /** Reads a number from the tables. */
  count(sql: string): number {
    return Number(Object.values(this.database.prepare(sql).get() as Record<string, unknown>)[0])
  }
}
