import { describe, expect, it, onTestFinished } from 'vitest'
import { Recorder } from '../../../../test-support/recorder.js'
import { installed, Scene } from '../../test/scene.js'
import { Database } from '../database/database.js'
import { postgresBoundsPer } from './bounds.js'
import { Sweeper } from './sweeper.js'

const kept = { retain: true } as const
const text = (data: string) => ({ type: 'log', data })

/** A node, and a sweeper that sweeps when the test says so. */
async function scene(retention: { maxEvents?: number; maxBytes?: number; maxAgeMs?: number }) {
  const scene = await Scene.create()
  const node = scene.node({ retention })
  const sweeper = new Sweeper({
    database: new Database({ client: scene.pool, schema: scene.schema, timeoutMs: 5_000 }),
    windowMs: 300_000,
    boundsOf: postgresBoundsPer(retention),
    onResult: () => {},
  })
  onTestFinished(() => sweeper.close())
  const publish = async (channel: string, ...texts: string[]) => {
    for (const data of texts) await node.publish(channel, text(data), kept)
    sweeper.touch(channel)
  }
  const stored = async () =>
    (await scene.query('SELECT data FROM rivulet.events ORDER BY position')).map((row) => row.data)
  return { scene, node, sweeper, publish, stored }
}

/** Waits until a statement waits for a lock of the test's schema. */
async function blocked(scene: Scene): Promise<void> {
  const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${scene.schema}%'`
  while ((await scene.query(waiting)).length === 0) await new Promise((done) => setTimeout(done, 5))
}

describe.skipIf(!installed)('a sweep', () => {
  it('deletes what the bounds leave over, on every channel, and readers find no gap after it', async () => {
    const { node, sweeper, publish, stored } = await scene({ maxEvents: 2 })
    await publish('a', '1', '2', '3')
    await publish('b', '4', '5', '6')
    expect(await sweeper.sweep(0)).toBeGreaterThan(0)
    expect(await stored()).toEqual(['2', '3', '5', '6'])
    expect(await sweeper.sweep(0)).toBe(0)
    const { messages } = await node.read('a', 0, 10)
    expect(messages.map(({ data }) => data)).toEqual(['2', '3'])
    expect(await node.read('a', messages[0]!.previous, 10)).toMatchObject({ continuous: true, messages })
    expect((await node.read('a', messages[0]!.previous - 1, 10)).reason).toBe('trimmed')
  })

  it('keeps the newest events that fit into `maxBytes` together, type and data', async () => {
    const { node, sweeper, publish, stored } = await scene({ maxBytes: 26 })
    // Ten bytes each: three of "log", seven of data.
    await publish('a', '1......', '2......', '3......')
    await sweeper.sweep(0)
    expect(await stored()).toEqual(['2......', '3......'])
    await publish('a', `4${'.'.repeat(30)}`)
    await sweeper.sweep(0)
    expect(await stored()).toEqual([])
    expect((await node.read('a', 0, 10)).messages).toEqual([])
  })

  it('deletes nothing that nodes may not have delivered yet, and hides it all the same', async () => {
    const { node, sweeper, publish, stored } = await scene({ maxEvents: 1 })
    await publish('a', '1', '2')
    await sweeper.sweep(60_000)
    expect(await stored()).toEqual(['1', '2'])
    expect((await node.read('a', 0, 10)).messages.map(({ data }) => data)).toEqual(['2'])
  })

  it('tells a node that has not read the deleted events, once it reads', async () => {
    const { scene: database, sweeper, publish } = await scene({ maxEvents: 1 })
    const recorder = new Recorder()
    // It neither polls nor listens.
    const late = database.node({ listen: false, pollMs: 600_000 })
    await late.subscribe('a', recorder)
    await publish('a', '1', '2')
    await publish('b', '3')
    await sweeper.sweep(0)
    await late.publish('a', text('4'), kept)
    await recorder.until(({ data }) => data.length === 2)
    expect(recorder.entries.map(({ channel, message }) => message?.data ?? `gap ${channel}`)).toEqual([
      'gap a',
      '2',
      '4',
    ])
  })

  it('tells it also if the event after the deleted one is dropped, but still there', async () => {
    const { scene: database, sweeper, publish, stored } = await scene({ maxEvents: 1 })
    const recorder = new Recorder()
    const late = database.node({ listen: false, pollMs: 600_000 })
    await late.subscribe('a', recorder)
    await publish('a', '1', '2', '3')
    await database.query(`SELECT rivulet.trim('[{"c":"a","e":1}]', 1000)`)
    // One row at most.
    await database.query('SELECT rivulet.sweep(0, 300000, 604800000, 1)')
    expect(await stored()).toEqual(['2', '3'])
    await late.publish('a', text('4'), kept)
    await recorder.until(({ data }) => data.length === 3)
    expect(recorder.entries.map(({ channel, message }) => message?.data ?? `gap ${channel}`)).toEqual([
      'gap a',
      '2',
      '3',
      '4',
    ])
    sweeper.close()
  })

  it('reaches every channel, also if many of them dropped events that must stay for now', async () => {
    const { scene: database, sweeper } = await scene({})
    // 120 channels, with five old and five new events each, of which only the newest is kept.
    const events = (age: number) => `INSERT INTO rivulet.events
      SELECT (rivulet.now_ms() - ${age}) * 1024 + c * 10 + n, 'c' || c, false, 'infinity', 't', 'd'
      FROM generate_series(1, 120) c, generate_series(1, 5) n`
    await database.query(events(60_000))
    await database.query(events(0))
    const requests = JSON.stringify(Array.from({ length: 120 }, (_, c) => ({ c: `c${c + 1}`, e: 1 })))
    await database.query('SELECT rivulet.trim($1, 1000)', [requests])
    await sweeper.sweep(10_000)
    const [{ count } = {}] = await database.query('SELECT count(*) FROM rivulet.events')
    expect(Number(count)).toBe(120 * 5)
  })

  it('goes on after the clock was a day ahead, and went back', async () => {
    const { scene: database, sweeper, publish, stored } = await scene({ maxEvents: 5 })
    await database.query("SELECT setval('rivulet.positions', (rivulet.now_ms() + 86400000) * 1024)")
    await publish('a', '1', '2', '3')
    await database.query("UPDATE rivulet.events SET expires_at = rivulet.now_ms() - 1 WHERE data <> '3'")
    // The last 10,000 positions count as new.
    await database.query("SELECT setval('rivulet.positions', last_value + 20000) FROM rivulet.positions")
    await publish('a', '4')
    await sweeper.sweep(10_000)
    expect(await stored()).toEqual(['3', '4'])
  })

  it('and the bounds of another node never wait for each other in a circle', async () => {
    const { scene: database, publish } = await scene({})
    await publish('a', '1', '2', '3')
    await publish('z', '4', '5', '6')
    const sweep = `SELECT ${database.schema}.sweep(0, 1000, 604800000, 1000)`
    await database.query(`SELECT rivulet.trim('[{"c":"a","e":2}]', 1000)`)
    await database.query(sweep)
    await database.query(`SELECT rivulet.trim('[{"c":"z","e":2}]', 1000)`)
    const sweeping = await database.begin()
    await sweeping.client.query(sweep)
    const trim = database.query(`SELECT rivulet.trim('[{"c":"a","e":1},{"c":"z","e":1}]', 10000)`)
    await blocked(database)
    // The next step of a sweep: it changes the row of another channel.
    await sweeping.client.query(`UPDATE ${database.schema}.trims SET gone = gone WHERE channel = 'a'`)
    await sweeping.commit()
    await trim
  })
})

describe.skipIf(!installed)('an idle node', () => {
  it('asks Postgres for events every `pollMs`, and for nothing else', async () => {
    const database = await Scene.create()
    const statements: string[] = []
    database.pool.on('connect', (client) => {
      const query = client.query.bind(client) as (...args: unknown[]) => unknown
      Object.assign(client, {
        query(...args: unknown[]) {
          statements.push(String(args[0]))
          return query(...args)
        },
      })
    })
    const node = database.node({ pollMs: 20 })
    await node.subscribe('a', new Recorder())
    await node.publish('a', text('1'), kept)
    const until = async (count: number) => {
      while (statements.length < count) await new Promise((done) => setTimeout(done, 5))
    }
    // The greeting, LISTEN and the event come first.
    await until(10)
    statements.length = 0
    await until(30)
    expect(new Set(statements)).toEqual(new Set([`SELECT * FROM ${database.schema}.feed($1,$2,$3,$4,$5,$6,$7)`]))
  })
})
