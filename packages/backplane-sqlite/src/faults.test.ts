import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { ConfigurationError } from '@rivulet/server'
import { describe, expect, it, onTestFinished } from 'vitest'
import { bundled } from '../../../test-support/bundled.js'
import { endProcess } from '../../../test-support/end-process.js'
import { open, TemporaryFolder } from '../test/drivers.js'
import { kept, Scene, text } from '../test/scene.js'
import { SqliteBackplane, type SqliteStoreError } from './index.js'

const storeError = (fields: Partial<SqliteStoreError>) =>
  expect.objectContaining({ name: 'SqliteStoreError', code: 'RIVULET_SQLITE_STORE', ...fields })

/** A subscriber that records what it is told. */
function listener() {
  const told: unknown[] = []
  return {
    told,
    onMessage: (_: string, { data }: { data: string }) => void told.push(data),
    onGap: () => void told.push('gap'),
    onHealth: (error: unknown) => void told.push(error ?? 'works'),
  }
}

describe('a full disk', () => {
  function fill(scene: Scene, pages: number): void {
    const used = scene.count('PRAGMA page_count')
    scene.database.exec(`PRAGMA max_page_count = ${used + pages}`)
  }

  it('makes publishing reject, stores nothing by halves, and works again with space', async () => {
    const scene = new Scene()
    const subscriber = listener()
    scene.backplane.subscribe('a', subscriber)
    const [first] = await scene.publish('a', ['1'])
    fill(scene, 2)
    const large = 'x'.repeat(30_000)
    const failed = ['2', '3'].map((data) => scene.backplane.publish('a', text(data + large), kept))
    const results = await scene.turn(Promise.allSettled(failed))
    const error = storeError({ problem: 'full', operation: 'write' })
    expect(results).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ])
    expect(scene.read('a', first!)).toEqual({ data: [], continuous: true })
    scene.database.exec('PRAGMA max_page_count = 1000000')
    const [second] = await scene.publish('a', ['4'])
    expect(subscriber.told).toEqual(['1', error, 'works', '4'])
    expect(scene.backplane.read('a', first!, 10).messages).toEqual([
      { type: 'log', data: '4', position: second, previous: first },
    ])
  })

  it('fails only the event that does not fit', async () => {
    const scene = new Scene()
    await scene.publish('a', ['1'])
    fill(scene, 4)
    const data = ['2', 'x'.repeat(100_000), '3']
    const all = data.map((item) => scene.backplane.publish('a', text(item), kept))
    const results = await scene.turn(Promise.allSettled(all))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(scene.read('a', 0).data).toEqual(['1', '2', '3'])
  })

  it('leaves a key free for another try', async () => {
    const scene = new Scene()
    fill(scene, 2)
    await expect(scene.publishOnce('a', 'x'.repeat(30_000), 'key')).rejects.toEqual(storeError({ problem: 'full' }))
    expect(await scene.publishOnce('a', '1', 'key')).toMatchObject({ duplicate: false })
  })
})

describe('a file that another connection locks', () => {
  function lock(scene: Scene): { release(): void } {
    const other = open(scene.file)
    other.exec('BEGIN IMMEDIATE')
    return {
      release() {
        other.exec('ROLLBACK')
        other.close()
      },
    }
  }

  it('makes events wait, in order', async () => {
    const scene = new Scene()
    const subscriber = listener()
    scene.backplane.subscribe('a', subscriber)
    const locked = lock(scene)
    const published = [scene.backplane.publish('a', text('1'), kept)]
    scene.clock.advance(500)
    published.push(scene.backplane.publish('a', text('2'), kept))
    scene.clock.advance(500)
    expect(subscriber.told).toEqual([])
    expect(scene.read('a', 0).data).toEqual([])
    locked.release()
    scene.clock.advance(10)
    await Promise.all(published)
    expect(subscriber.told).toEqual(['1', '2'])
  })

  it('makes them reject in time', async () => {
    const scene = new Scene({ lockTimeoutMs: 1_000 })
    const subscriber = listener()
    scene.backplane.subscribe('a', subscriber)
    const locked = lock(scene)
    const published = scene.backplane.publish('a', text('1'), kept)
    scene.clock.advance(1_010)
    const error = storeError({ problem: 'locked' })
    await expect(published).rejects.toEqual(error)
    locked.release()
    await scene.publish('a', ['2'])
    expect(subscriber.told).toEqual([error, 'works', '2'])
  })
})

describe('a damaged file', () => {
  it('is refused if it is no database', () => {
    const folder = new TemporaryFolder()
    onTestFinished(() => folder.dispose())
    writeFileSync(folder.file(), 'This is no database. '.repeat(1_000))
    const database = open(folder.file())
    const create = () => new SqliteBackplane({ database })
    expect(create).toThrow(storeError({ problem: 'damaged', operation: 'open' }))
    expect(create).toThrow(/Move the file away.* See .*RIVULET_SQLITE_STORE\.md$/)
  })

  it('makes what meets the damage fail', async () => {
    const scene = new Scene({ retention: { maxEvents: 100_000 } })
    for (let turn = 0; turn < 50; turn++) await scene.publish('a', ['x'.repeat(10_000)])
    scene.stop()
    const bytes = readFileSync(scene.file)
    // Beyond the schema, which is read first.
    bytes.fill(0xa5, 64 * 1024)
    writeFileSync(scene.file, bytes)
    scene.start()
    expect(() => scene.read('a', 0)).toThrow(storeError({ problem: 'damaged', operation: 'read' }))
  })
})

describe('a second writer', () => {
  it('is refused in the same process, with the same connection or another one', () => {
    const scene = new Scene()
    const other = open(scene.file)
    onTestFinished(() => void other.close())
    const error = storeError({ problem: 'in-use', operation: 'open' })
    for (const database of [scene.database, other]) {
      expect(() => new SqliteBackplane({ database })).toThrow(error)
    }
    expect(() => new SqliteBackplane({ database: other })).toThrow(`process ${process.pid} on `)
    expect(scene.read('a', 0)).toMatchObject({ data: [] })
    scene.stop()
    new SqliteBackplane({ database: other }).close()
  })

  it('is refused while another process lives, and takes over at once when that is killed', async () => {
    const folder = new TemporaryFolder()
    const first = await claimant(folder.file())
    const database = open(folder.file())
    onTestFinished(() => {
      database.close()
      folder.dispose()
    })
    expect(() => new SqliteBackplane({ database })).toThrow(`process ${first.pid} on `)
    await endProcess(first, 'SIGKILL')
    new SqliteBackplane({ database }).close()
  })
})

async function claimant(file: string): Promise<ChildProcess> {
  const program = await bundled(new URL('../test/claim-process.ts', import.meta.url))
  const libsql = createRequire(import.meta.url).resolve('libsql')
  const child = spawn(process.execPath, [program, libsql, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => endProcess(child, 'SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

describe('a file that cannot be used', () => {
  it('is refused if a newer version wrote it, and stays as it is', async () => {
    const scene = new Scene()
    await scene.publish('a', ['1'])
    scene.stop()
    scene.change('UPDATE rivulet_state SET version = 99')
    expect(() => scene.start()).toThrow(storeError({ problem: 'version', operation: 'open' }))
    scene.change('UPDATE rivulet_state SET version = 1')
    scene.start()
    expect(scene.read('a', 0).data).toEqual(['1'])
  })

  it('gets no tables if it has another one of the same name', () => {
    const folder = new TemporaryFolder()
    const database = open(folder.file())
    onTestFinished(() => {
      database.close()
      folder.dispose()
    })
    database.exec('CREATE TABLE rivulet_runs (mine)')
    expect(() => new SqliteBackplane({ database })).toThrow(storeError({ problem: 'failed', operation: 'open' }))
    expect(database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()).toMatchObject([
      { name: 'rivulet_runs' },
    ])
    database.exec('DROP TABLE rivulet_runs')
    new SqliteBackplane({ database }).close()
  })

  it('is named as not writable', async () => {
    const scene = new Scene()
    scene.database.exec('PRAGMA query_only = ON')
    const published = scene.backplane.publish('a', text('1'), kept)
    await expect(scene.turn(published)).rejects.toEqual(storeError({ problem: 'unwritable' }))
    scene.database.exec('PRAGMA query_only = OFF')
  })
})

describe('the application', () => {
  it('may have a transaction of its own open, which stays as it is', async () => {
    const scene = new Scene()
    scene.database.exec('CREATE TABLE mine (value)')
    scene.database.exec('BEGIN')
    scene.database.exec('INSERT INTO mine VALUES (1)')
    const published = scene.backplane.publish('a', text('1'), kept)
    await expect(scene.turn(published)).rejects.toThrow(/within a transaction/)
    scene.database.exec('COMMIT')
    expect(scene.count('SELECT count(*) FROM mine')).toBe(1)
    await scene.publish('a', ['2'])
  })

  it('may close the database first: nothing throws but what is published then', async () => {
    const folder = new TemporaryFolder()
    onTestFinished(() => folder.dispose())
    const database = open(folder.file())
    const backplane = new SqliteBackplane({ database })
    database.close()
    await expect(backplane.publish('a', text('1'), kept)).rejects.toEqual(storeError({ problem: 'closed' }))
    expect(() => backplane.read('a', 0, 1)).toThrow(storeError({ problem: 'closed', operation: 'read' }))
    backplane.close()
    backplane.close()
  })

  it('closes the backplane with events on their way: they are stored', async () => {
    const scene = new Scene()
    const published = ['1', '2'].map((data) => scene.backplane.publish('a', text(data), kept))
    scene.backplane.close()
    await Promise.all(published)
    await expect(scene.backplane.publish('a', text('3'), kept)).rejects.toEqual(storeError({ problem: 'closed' }))
    scene.restart()
    expect(scene.read('a', 0).data).toEqual(['1', '2'])
  })

  it('may have a retention that throws for a channel, which fails that channel alone', async () => {
    const retention = (channel: string) => {
      if (channel === 'bad') throw new Error('no such channel')
      return {}
    }
    const scene = new Scene({ retention })
    const bad = scene.backplane.publish('bad', text('1'), kept)
    await scene.publish('a', ['1'])
    await expect(bad).rejects.toThrow('no such channel')
    expect(scene.read('a', 0).data).toEqual(['1'])
  })

  it('has subscribers that throw: every other one gets its events', async () => {
    const scene = new Scene()
    const [bad, good] = [listener(), listener()]
    const error = new Error('mine')
    bad.onMessage = () => {
      throw error
    }
    for (const subscriber of [bad, good]) scene.backplane.subscribe('a', subscriber)
    await scene.publish('a', ['1', '2'])
    expect([bad.told, good.told]).toEqual([
      [error, error],
      ['1', '2'],
    ])
  })

  it.each([
    { database: undefined },
    { database: {} },
    { synchronous: 'off' },
    { lockTimeoutMs: -1 },
    { idempotencyWindowMs: Number.NaN },
    { retention: { maxEvents: -1 } },
  ])('is told of options that make no sense: %o', (options) => {
    const database = open(':memory:')
    onTestFinished(() => void database.close())
    expect(() => new SqliteBackplane({ database, ...options } as never)).toThrow(ConfigurationError)
    new SqliteBackplane({ database }).close()
  })
})
