import { copyFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { open, TemporaryFolder } from '../../test/drivers.js'
import { kept, Scene, text } from '../../test/scene.js'
import { SqliteBackplane } from '../index.js'

describe('a file that changes under the backplane', () => {
  it.each([
    ['deleted', (file: string) => rmSync(file)],
    ['moved', (file: string) => renameSync(file, `${file}.old`)],
    [
      'replaced',
      (file: string) => {
        copyFileSync(file, `${file}.new`)
        renameSync(`${file}.new`, file)
      },
    ],
  ])('makes publishing reject once it was %s', async (_, change) => {
    const scene = new Scene()
    await scene.publish('a', ['1'])
    change(scene.file)
    const published = scene.backplane.publish('a', text('2'), kept)
    await expect(scene.turn(published)).rejects.toMatchObject({ problem: 'moved', operation: 'write' })
    expect(scene.read('a', 0).data).toEqual(['1'])
  })

  it('is never written by two, even if somebody deletes the file with the claim', async () => {
    const scene = new Scene()
    await scene.publish('a', ['1'])
    rmSync(`${scene.file}-writer`)
    const first = scene.backplane
    scene.start()
    const late = first.publish('a', text('late'), kept)
    await scene.publish('a', ['2'])
    await expect(late).rejects.toMatchObject({ problem: 'in-use', operation: 'write' })
    await expect(late).rejects.toThrow(`process ${process.pid} on `)
    first.close()
    await scene.publish('a', ['3'])
    scene.restart()
    expect(scene.read('a', 0).data).toEqual(['1', '2', '3'])
  })
})

it('can be used after an attempt within a transaction of the application', () => {
  const folder = new TemporaryFolder()
  const database = open(folder.file())
  onTestFinished(() => {
    database.close()
    folder.dispose()
  })
  database.exec('CREATE TABLE mine (value)')
  database.exec('BEGIN')
  database.exec('INSERT INTO mine VALUES (1)')
  expect(() => new SqliteBackplane({ database })).toThrow('journal_mode')
  database.exec('COMMIT')
  new SqliteBackplane({ database }).close()
})

it('shrinks the write-ahead log after a reader made it grow', { timeout: 60_000 }, async () => {
  const scene = new Scene()
  const reader = open(scene.file)
  onTestFinished(() => void reader.close())
  const size = () => statSync(`${scene.file}-wal`).size
  const turn = () => scene.publish('a', ['x'.repeat(1_000_000)])
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM rivulet_chunks').all()
  for (let times = 0; times < 20; times++) await turn()
  expect(size()).toBeGreaterThan(17_000_000)
  reader.exec('COMMIT')
  for (let times = 0; times < 3; times++) await turn()
  expect(size()).toBeLessThan(17_000_000)
})
