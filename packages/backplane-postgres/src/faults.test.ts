import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Recorder } from '../../../test-support/recorder.js'
import { TcpProxy } from '../../../test-support/tcp-proxy.js'
import { PostgresServer } from '../test/postgres-server.js'
import { installed, pools } from '../test/scene.js'
import { migrate, PostgresBackplane } from './index.js'

const schema = 'rivulet'

/** Publishes numbers one after the other, each with an idempotency key until it is acknowledged. */
class Publisher {
  readonly #node: PostgresBackplane
  readonly #transactionsOf: pg.Pool | undefined
  #stopped = false
  #running: Promise<void> | undefined
  count = 0

  constructor(node: PostgresBackplane, transactionsOf?: pg.Pool) {
    this.#node = node
    this.#transactionsOf = transactionsOf
  }

  start(): this {
    this.#running = this.#run()
    return this
  }

  async #run(): Promise<void> {
    while (!this.#stopped) await this.publish(String(this.count))
  }

  /** Resolves when the event is acknowledged. */
  async publish(data: string): Promise<void> {
    const options = { retain: true, idempotencyKey: data }
    for (;;) {
      try {
        if (this.#transactionsOf && Number(data) % 3 === 0) await this.#publishInTransaction(data, options)
        else await this.#node.publish('a', { type: 'log', data }, options)
        this.count++
        return
      } catch {
        await new Promise((done) => setTimeout(done, 20))
      }
    }
  }

  async #publishInTransaction(data: string, options: { retain: boolean; idempotencyKey: string }): Promise<void> {
    const client = await this.#transactionsOf!.connect()
    const onError = () => {}
    client.on('error', onError)
    try {
      await client.query('BEGIN')
      await this.#node.publish('a', { type: 'log', data }, { ...options, transaction: client })
      await client.query('COMMIT')
      client.removeListener('error', onError)
      client.release()
    } catch (error) {
      client.release(true)
      throw error
    }
  }

  async until(count: number): Promise<void> {
    while (this.count < count) await new Promise((done) => setTimeout(done, 5))
  }

  async stop(): Promise<string[]> {
    this.#stopped = true
    await this.#running
    return Array.from({ length: this.count }, (_, index) => String(index))
  }
}

describe.skipIf(!installed)('with a server of its own', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await PostgresServer.start()
    const pool = new pg.Pool({ connectionString: server.url })
    await migrate(pool)
    await pool.end()
  }, 180_000)
  afterAll(() => server.dispose(), 180_000)

  async function scene(address = server.url) {
    const pool = new pg.Pool({ connectionString: address, max: 10 })
    pool.on('error', () => {})
    // A connection may end as soon as it is open, before a transaction can listen.
    pool.on('connect', (connection) => connection.on('error', () => {}))
    const node = (client = pools.pg(address)) => {
      const backplane = new PostgresBackplane({ client: client.client, timeoutMs: 3_000, pollMs: 500 })
      onTestFinished(async () => {
        backplane.close()
        await client.end()
      })
      return backplane
    }
    onTestFinished(async () => {
      await pool.query(`DELETE FROM ${schema}.events; DELETE FROM ${schema}.keys`).catch(() => {})
      await pool.end()
    })
    return { pool, node }
  }

  it.each(Object.entries(pools))(
    'delivers every event once and in order while all connections are terminated again and again, with %s',
    async (_, open) => {
      const { pool, node } = await scene()
      const recorder = new Recorder()
      await node(open(server.url)).subscribe('a', recorder)
      const publisher = new Publisher(node(open(server.url)), pool).start()
      for (let round = 1; round <= 3; round++) {
        await publisher.until(round * 15)
        const admin = new pg.Client({ connectionString: server.url })
        await admin.connect()
        await admin.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename IS NOT NULL',
        )
        await admin.end()
      }
      await publisher.until(60)
      const published = await publisher.stop()
      await recorder.until(({ data }) => data.length >= published.length)
      expect(recorder.data).toEqual(published)
      expect(recorder.gaps).toEqual([])
    },
    180_000,
  )

  it('goes on without a gap after the server crashed and came back', async () => {
    const { pool, node } = await scene()
    const recorder = new Recorder()
    await node().subscribe('a', recorder)
    const publisher = new Publisher(node(), pool).start()
    await publisher.until(20)
    await server.stop('SIGQUIT')
    await recorder.until(({ health }) => health.length > 0)
    await server.start()
    await publisher.until(40)
    const published = await publisher.stop()
    await recorder.until(({ data, health }) => data.length >= published.length && health.at(-1) === undefined)
    expect(recorder.data).toEqual(published)
    expect(recorder.gaps).toEqual([])
  }, 180_000)

  it('gives up connections that hang, and takes others', async () => {
    const proxy = await TcpProxy.start(server.port)
    onTestFinished(() => proxy.dispose())
    const address = server.url.replace(`:${server.port}`, `:${proxy.port}`)
    const { node } = await scene(server.url)
    const recorder = new Recorder()
    const hanging = new PostgresBackplane({ client: pools.pg(address).client, timeoutMs: 500, pollMs: 100 })
    onTestFinished(() => hanging.close())
    await hanging.subscribe('a', recorder)
    const publisher = new Publisher(node())
    await publisher.publish('0')
    await recorder.until(({ data }) => data.length === 1)
    // Open connections bring nothing any more, and say nothing.
    proxy.swallow()
    await publisher.publish('1')
    await publisher.publish('2')
    await recorder.until(({ data }) => data.length === 3)
    expect(recorder.data).toEqual(['0', '1', '2'])
    expect(recorder.gaps).toEqual([])
  }, 180_000)

  it('rejects while another connection holds the lock of the positions for too long, and delivers it once afterwards', async () => {
    const { pool, node } = await scene()
    const backplane = new PostgresBackplane({ client: pools.pg(server.url).client, timeoutMs: 300 })
    onTestFinished(() => backplane.close())
    const recorder = new Recorder()
    await node().subscribe('a', recorder)
    const holder = await pool.connect()
    await holder.query(`BEGIN; SELECT ${schema}.lock_positions(0, 0)`)
    const publish = () => backplane.publish('a', { type: 'log', data: '1' }, { retain: true, idempotencyKey: 'once' })
    await expect(publish()).rejects.toMatchObject({ code: 'RIVULET_POSTGRES_UNAVAILABLE', operation: 'publish' })
    await holder.query('ROLLBACK')
    holder.release()
    await publish()
    await publish()
    await recorder.until(({ data }) => data.length === 1)
    expect(recorder.data).toEqual(['1'])
  }, 180_000)
})

describe.skipIf(!installed)('a failover to a replica', () => {
  it.each([
    ['that lacks the last events', true],
    ['that has everything', false],
  ])(
    '%s is told as a gap, and nothing afterwards is lost',
    async (_, lacking) => {
      const primary = await PostgresServer.start()
      onTestFinished(() => primary.dispose())
      const admin = new pg.Pool({ connectionString: primary.url })
      admin.on('error', () => {})
      await migrate(admin)
      const replica = await primary.replicate()
      onTestFinished(() => replica.dispose())
      const follower = new pg.Pool({ connectionString: replica.url })
      follower.on('error', () => {})
      const proxy = await TcpProxy.start(primary.port)
      onTestFinished(() => proxy.dispose())
      const client = pools.pg(primary.url.replace(`:${primary.port}`, `:${proxy.port}`))
      const nodes = [1, 2].map(() => new PostgresBackplane({ client: client.client, timeoutMs: 2_000, pollMs: 200 }))
      onTestFinished(async () => {
        for (const node of nodes) node.close()
        await Promise.all([client.end(), admin.end(), follower.end()])
      })
      const recorder = new Recorder()
      await nodes[0]!.subscribe('a', recorder)
      const publisher = new Publisher(nodes[1]!)
      await publisher.publish('0')
      // Wait until the replica has it.
      await follows(follower, 1)
      if (lacking) await replica.stop()
      await publisher.publish('1')
      await recorder.until(({ data }) => data.length === 2)
      const cursor = recorder.messages[1]!.position!
      if (!lacking) await follows(follower, 2)
      proxy.cut()
      await primary.stop('SIGQUIT')
      if (lacking) await replica.start()
      await replica.promote()
      proxy.retarget(replica.port)
      proxy.mend()
      await publisher.publish('2')
      await recorder.until(({ data }) => data.includes('2'))
      expect(recorder.data).toEqual(['0', '1', '2'])
      expect(recorder.gaps).toEqual([undefined])
      expect(recorder.entries.findIndex(({ message }) => !message)).toBe(2)
      expect(recorder.messages[2]!.position).toBeGreaterThan(cursor)
      const resumed = await nodes[1]!.read('a', cursor, 10)
      expect([resumed.continuous, resumed.reason, resumed.messages.map(({ data }) => data)]).toEqual([
        false,
        'restarted',
        ['2'],
      ])
    },
    120_000,
  )
})

/** Waits until a replica has so many events. */
async function follows(follower: pg.Pool, events: number): Promise<void> {
  for (;;) {
    const { rows } = await follower.query('SELECT count(*) FROM rivulet.events')
    if (Number(rows[0].count) >= events) return
    await new Promise((done) => setTimeout(done, 20))
  }
}
