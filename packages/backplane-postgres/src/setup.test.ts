import pg from 'pg'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { Recorder } from '../../../test-support/recorder.js'
import { checkBackplane, installed, Scene, url } from '../test/scene.js'
import { migrate, migrations, PostgresBackplane, type PostgresSetupError } from './index.js'

const kept = { retain: true } as const
const text = { type: 'log', data: '{}' }

describe.skipIf(!installed)('migrations', () => {
  it('run once, whoever runs them and however often', async () => {
    const scene = await Scene.create()
    const [{ origin } = {}] = await scene.query('SELECT origin FROM rivulet.state')
    const versions = await Promise.all([1, 2, 3].map(() => migrate(scene.pool, { schema: scene.schema })))
    expect(versions).toEqual([1, 1, 1])
    expect((await scene.query('SELECT origin FROM rivulet.state'))[0]!.origin).toBe(origin)
  })

  it('are plain SQL for any tool, and fit every schema', async () => {
    const scene = await Scene.create()
    const schema = `${scene.schema}_tool`
    const client = await scene.pool.connect()
    try {
      for (const { sql } of migrations({ schema })) await client.query(`BEGIN; ${sql}; COMMIT`)
      const node = scene.node({ schema })
      expect((await node.publish('a', text, kept)).position).toBeGreaterThan(0)
    } finally {
      await client.query(`DROP SCHEMA ${schema} CASCADE`)
      client.release()
    }
    expect(() => migrations({ schema: 'a"; DROP' })).toThrow('lower-case')
  })

  it.each(['public', 'information_schema', 'pg_rivulet', 'user', 'position'])(
    'refuse the schema "%s", and change nothing',
    async (schema) => {
      const scene = await Scene.create()
      await expect(migrate(scene.pool, { schema })).rejects.toMatchObject({ option: 'schema', value: schema })
      const tables = await scene.query('SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = $2', [
        schema,
        'outbox',
      ])
      expect(tables).toEqual([])
    },
  )

  it('are asked for where they are missing, and the backplane works once they have run', async () => {
    const scene = await Scene.create()
    await scene.query(`DROP SCHEMA ${scene.schema} CASCADE`)
    const node = scene.node()
    const error = await node.publish('a', text, kept).then(undefined, (reason: PostgresSetupError) => reason)
    expect(error).toMatchObject({ name: 'PostgresSetupError', problem: 'schema' })
    expect((error as Error).message).toContain(`await migrate(client, { schema: '${scene.schema}' })`)
    await migrate(scene.pool, { schema: scene.schema })
    await node.publish('a', text, kept)
  })

  it('of a newer version stop an older package only if that could not work', async () => {
    const scene = await Scene.create()
    await scene.query('UPDATE rivulet.state SET version = 7')
    await scene.node().publish('a', text, kept)
    await scene.query('UPDATE rivulet.state SET compatible = 7')
    await expect(scene.node().publish('a', text, kept)).rejects.toMatchObject({ problem: 'version' })
  })
})

describe.skipIf(!installed)('options', () => {
  it('are checked', () => {
    const pool = new pg.Pool({ connectionString: url })
    onTestFinished(() => pool.end())
    const cases: [string, object][] = [
      ['client', { client: undefined }],
      ['client', { client: new pg.Client() }],
      ['client', { client: new pg.Pool({ max: 1 }) }],
      ['listen', { client: pool, listen: {} }],
      ['schema', { client: pool, schema: 'Rivulet' }],
      ['pollMs', { client: pool, pollMs: 0 }],
      ['timeoutMs', { client: pool, timeoutMs: Infinity }],
      ['retention', { client: pool, retention: 'all' }],
    ]
    for (const [option, options] of cases) {
      expect(() => new PostgresBackplane(options as never)).toThrow(expect.objectContaining({ option }))
    }
  })

  it('include channels of up to 1,000 bytes, and keys of any length', async () => {
    const node = (await Scene.create()).node()
    await node.publish('ü'.repeat(500), text, { retain: true, idempotencyKey: 'k'.repeat(100_000) })
    const again = await node.publish('ü'.repeat(500), text, { retain: true, idempotencyKey: 'k'.repeat(100_000) })
    expect(again.duplicate).toBe(true)
    await expect(node.publish('ü'.repeat(501), text, kept)).rejects.toMatchObject({ option: 'channel' })
    // A NUL is stored as five characters.
    await node.publish('\0'.repeat(200), text, kept)
    await expect(node.publish('\0'.repeat(201), text, kept)).rejects.toMatchObject({ option: 'channel' })
  })
})

describe.skipIf(!installed)('a pool', () => {
  it('whose idle connections end does not end the process', async () => {
    const pool = new pg.Pool({ connectionString: url })
    onTestFinished(() => pool.end())
    const scene = await Scene.create()
    const node = scene.node({ client: pool, listen: false })
    await node.publish('a', text, kept)
    const ended = new Promise((done) => pool.once('remove', done))
    const { rows } = await pool.query('SELECT pg_backend_pid() AS pid')
    await scene.query(`SELECT pg_terminate_backend(${rows[0].pid})`)
    await ended
    await node.publish('a', text, kept)
  })

  it.each(['repeatable read', 'serializable'])('may have the default isolation level "%s"', async (level) => {
    const scene = await Scene.create()
    const options = `-c default_transaction_isolation=${level.replace(' ', '\\ ')}`
    const pool = new pg.Pool({ connectionString: url, options })
    onTestFinished(() => pool.end())
    const node = scene.node({ client: pool, timeoutMs: 60_000 })
    const event = { c: 'a', t: 'log', d: 'first', l: false, a: 'Infinity', k: 'key' }
    const holder = await scene.begin()
    await holder.client.query(`SELECT ${scene.schema}.publish($1, 300000, 0, 0)`, [JSON.stringify([event])])
    // Its snapshot is older than the commit of the other one.
    const publishing = node.publish('a', text, { retain: true, idempotencyKey: 'key' })
    while ((await scene.waiting()) === 0) await new Promise((done) => setTimeout(done, 5))
    await holder.commit()
    expect((await publishing).duplicate).toBe(true)
    expect((await node.read('a', 0, 10)).messages.map(({ data }) => data)).toEqual(['first'])
  })
})

describe.skipIf(!installed)('a role with the two documented rights', async () => {
  const role = `app_${process.pid}`
  const schema = `rights_${process.pid}`
  const owner = new pg.Pool({ connectionString: url })
  const address = url && Object.assign(new URL(url), { username: role }).href
  const pool = new pg.Pool({ connectionString: address })
  const statements = [
    `GRANT USAGE ON SCHEMA ${schema} TO ${role}`,
    `GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${schema} TO ${role}`,
  ]
  if (installed) {
    await owner.query(`CREATE ROLE ${role} LOGIN`)
    await migrate(owner, { schema })
    for (const statement of statements) await owner.query(statement)
  }
  afterAll(async () => {
    await pool.end()
    await owner.query(`DROP SCHEMA ${schema} CASCADE; DROP ROLE ${role}`)
    await owner.end()
  })

  checkBackplane(pool, schema, owner)

  it('publishes in its transactions, and has no access to the tables', async () => {
    const node = new PostgresBackplane({ client: pool, schema })
    onTestFinished(() => node.close())
    const client = await pool.connect()
    try {
      await client.query('BEGIN')
      await node.publish('a', text, { ...kept, transaction: client })
      await client.query('COMMIT')
      expect((await node.read('a', 0, 10)).messages).toHaveLength(1)
      await expect(client.query(`SELECT * FROM ${schema}.events`)).rejects.toThrow('permission denied')
    } finally {
      client.release()
    }
  })

  it.each([
    ['USAGE ON SCHEMA', `permission denied for schema ${schema}`],
    ['EXECUTE ON ALL FUNCTIONS IN SCHEMA', 'permission denied for function'],
  ])('is told of a missing right, %s, with the statement that grants it', async (right, reason) => {
    await owner.query(`REVOKE ${right} ${schema} FROM ${role}`)
    const node = new PostgresBackplane({ client: pool, schema, pollMs: 50 })
    onTestFinished(() => node.close())
    const recorder = new Recorder()
    const error = await node.publish('a', text, kept).then(undefined, (thrown: Error) => thrown)
    expect(error).toMatchObject({ name: 'PostgresSetupError', problem: 'rights' })
    expect((error as Error).message).toContain(reason)
    expect((error as Error).message).toContain(`GRANT ${right} ${schema} TO`)
    await expect(node.subscribe('a', recorder)).rejects.toMatchObject({ problem: 'rights' })
    for (const statement of statements) await owner.query(statement)
    await node.subscribe('a', recorder)
    await node.publish('a', text, kept)
    await recorder.until(({ data }) => data.length === 1)
  })
})
