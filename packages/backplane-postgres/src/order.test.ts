import type pg from 'pg'
import postgres from 'postgres'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Recorder } from '../../../test-support/recorder.js'
import { installed, Scene, url } from '../test/scene.js'

const kept = { retain: true } as const
const text = (data: string) => ({ type: 'log', data })

/** The usual way: a sequence numbers the rows, and readers remember the last number that they saw. */
async function naiveTable(scene: Scene) {
  await scene.query('CREATE TABLE rivulet.naive (id bigserial PRIMARY KEY, data text)')
  let cursor = 0
  const seen: string[] = []
  return {
    seen,
    publish: (client: pg.PoolClient, data: string) =>
      client.query(`INSERT INTO ${scene.schema}.naive (data) VALUES ($1)`, [data]),
    async poll() {
      const rows = await scene.query('SELECT id, data FROM rivulet.naive WHERE id > $1 ORDER BY id', [cursor])
      cursor = Number(rows.at(-1)?.id ?? cursor)
      seen.push(...rows.map(({ data }) => data!))
    },
  }
}

describe.skipIf(!installed)('a transaction that commits late', () => {
  it('is lost by a cursor over a sequence (the experiment that this design answers)', async () => {
    const scene = await Scene.create()
    const naive = await naiveTable(scene)
    const [early, late] = [await scene.begin(), await scene.begin()]
    await naive.publish(late.client, 'late')
    await naive.publish(early.client, 'early')
    await early.commit()
    await naive.poll()
    await late.commit()
    await naive.poll()
    expect(naive.seen).toEqual(['early'])
    expect((await scene.query('SELECT data FROM rivulet.naive ORDER BY id')).map(({ data }) => data)).toEqual([
      'late',
      'early',
    ])
  })

  it('is delivered after the one that committed before it, and readers find both in this order', async () => {
    const scene = await Scene.create()
    const [one, other] = [scene.node(), scene.node()]
    const recorder = new Recorder()
    await other.subscribe('a', recorder)
    const [early, late] = [await scene.begin(), await scene.begin()]
    const before = await one.read('a', 0, 0)
    expect(await one.publish('a', text('late'), { ...kept, transaction: late.client })).toEqual({
      position: undefined,
      duplicate: false,
    })
    await one.publish('a', text('early'), { ...kept, transaction: early.client })
    await early.commit()
    await recorder.until(({ data }) => data.length === 1)
    const { position } = await one.publish('a', text('direct'), kept)
    await recorder.until(({ data }) => data.length === 2)
    await late.commit()
    await recorder.until(({ data }) => data.length === 3)
    expect(recorder.data).toEqual(['early', 'direct', 'late'])
    expect(recorder.gaps).toEqual([])
    const { messages, continuous } = await one.read('a', before.storedPosition, 10)
    expect([messages, continuous]).toEqual([recorder.messages, true])
    expect(messages[2]!.previous).toBe(position)
  })

  it('does not hold up others while it is open', async () => {
    const scene = await Scene.create()
    const node = scene.node({ timeoutMs: 20_000 })
    const open = await scene.begin()
    await node.publish('a', text('open'), { ...kept, transaction: open.client })
    expect(await scene.waiting()).toBe(0)
    await node.publish('a', text('1'), kept)
    const another = await scene.begin()
    await node.publish('a', text('2'), { ...kept, transaction: another.client })
    await another.commit()
    await open.commit()
    const { messages } = await node.read('a', 0, 10)
    expect(messages.map(({ data }) => data)).toEqual(['1', '2', 'open'])
  })
})

describe.skipIf(!installed)('a publish in a transaction', () => {
  it('is invisible until the commit, and gone with a rollback', async () => {
    const scene = await Scene.create()
    const node = scene.node()
    const recorder = new Recorder()
    await node.subscribe('a', recorder)
    const undone = await scene.begin()
    await node.publish('a', text('undone'), { ...kept, transaction: undone.client })
    await undone.client.query('SAVEPOINT s')
    await undone.rollback()
    const partly = await scene.begin()
    await node.publish('a', text('kept'), { ...kept, transaction: partly.client })
    await partly.client.query('SAVEPOINT s')
    await node.publish('a', text('undone too'), { ...kept, transaction: partly.client })
    await partly.client.query('ROLLBACK TO SAVEPOINT s')
    expect((await node.read('a', 0, 10)).messages).toEqual([])
    await partly.commit()
    await node.publish('a', text('end'), kept)
    await recorder.until(({ data }) => data.includes('end'))
    expect(recorder.data).toEqual(['kept', 'end'])
    expect(await scene.query('SELECT FROM rivulet.outbox')).toEqual([])
  })

  it.each(['REPEATABLE READ', 'SERIALIZABLE'])('keeps the chain of previous positions under %s', async (isolation) => {
    const scene = await Scene.create()
    const node = scene.node()
    const { position: first } = await node.publish('a', text('1'), kept)
    const old = await scene.begin(isolation)
    // Takes its snapshot.
    await old.client.query('SELECT 1')
    await node.publish('a', text('4'), { ...kept, transaction: old.client })
    await node.publish('a', text('2'), kept)
    await node.publish('a', text('3'), kept)
    await old.commit()
    const { messages, continuous } = await node.read('a', first!, 10)
    expect(messages.map(({ data }) => data)).toEqual(['2', '3', '4'])
    expect(messages.map(({ previous }) => previous)).toEqual([first, ...messages.slice(0, 2).map((m) => m.position)])
    expect(continuous).toBe(true)
  })

  it('gives a page that was rendered in a transaction a cursor that fits its state', async () => {
    const scene = await Scene.create()
    const node = scene.node()
    await scene.query('CREATE TABLE rivulet.tasks (title text)')
    const add = async (title: string) => {
      const transaction = await scene.begin()
      await transaction.client.query(`INSERT INTO ${scene.schema}.tasks VALUES ('${title}')`)
      await node.publish('tasks', text(title), { ...kept, transaction: transaction.client })
      await transaction.commit()
    }
    await add('first')
    const page = await scene.begin('REPEATABLE READ')
    const { rows } = await page.client.query(`SELECT title FROM ${scene.schema}.tasks`)
    await add('second')
    const cursor = await node.storedPosition(page.client)
    await page.commit()
    const { messages } = await node.read('tasks', cursor, 10)
    expect([rows.map(({ title }) => title), messages.map(({ data }) => data)]).toEqual([['first'], ['second']])
  })

  it('sends an event with an idempotency key once, whichever transaction commits first', async () => {
    const scene = await Scene.create()
    const node = scene.node()
    const keyed = { ...kept, idempotencyKey: 'k' }
    const [one, other, undone] = [await scene.begin(), await scene.begin(), await scene.begin()]
    const publish = (data: string, { client }: typeof one) =>
      node.publish('a', text(data), { ...keyed, transaction: client })
    await publish('undone', undone)
    await publish('1', one)
    expect((await publish('1 again', one)).duplicate).toBe(true)
    await publish('2', other)
    await undone.rollback()
    await other.commit()
    await one.commit()
    const { messages } = await node.read('a', 0, 10)
    expect(messages.map(({ data }) => data)).toEqual(['2'])
    const late = await scene.begin()
    expect(await publish('3', late)).toEqual({ position: messages[0]!.position, duplicate: true })
    await late.rollback()
  })

  it('takes the transactions of postgres.js, and of anything with a query method', async () => {
    const scene = await Scene.create()
    const sql = postgres(url, { max: 2, onnotice: () => {} })
    onTestFinished(() => sql.end())
    const node = scene.node()
    await sql.begin(async (transaction) => {
      await node.publish('a', text('1'), { ...kept, transaction })
    })
    await sql
      .begin(async (transaction) => {
        await node.publish('a', text('undone'), { ...kept, transaction })
        throw new Error('undone')
      })
      .catch(() => {})
    const { client, commit } = await scene.begin()
    const builder = { query: async (statement: string, values: unknown[]) => client.query(statement, values) }
    await node.publish('a', text('2'), { ...kept, transaction: builder })
    await node.publish('a', text('live'), { retain: false, transaction: builder })
    await commit()
    expect((await node.read('a', 0, 10)).messages.map(({ data }) => data)).toEqual(['1', '2'])
  })

  it('refuses a pool, which has no transaction', async () => {
    const scene = await Scene.create()
    const sql = postgres(url, { max: 2 })
    onTestFinished(() => sql.end())
    const node = scene.node()
    for (const transaction of [scene.pool, sql, { begin: true }] as never[]) {
      await expect(node.publish('a', text('1'), { ...kept, transaction })).rejects.toMatchObject({
        code: 'RIVULET_CONFIGURATION',
      })
      await expect(node.storedPosition(transaction)).rejects.toMatchObject({ code: 'RIVULET_CONFIGURATION' })
    }
  })
})
