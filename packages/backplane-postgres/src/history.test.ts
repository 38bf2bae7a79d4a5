import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Recorder } from '../../../test-support/recorder.js'
import { PostgresServer, serverFolder } from '../test/postgres-server.js'
import { installed, pools, Scene, url } from '../test/scene.js'
import { migrate, PostgresBackplane } from './index.js'

const kept = { retain: true } as const
const text = (data: string) => ({ type: 'log', data })

/** Puts the server's clock back, as the functions see it. */
function clockGoesBack(schema: string, ms: number): string {
  return `CREATE OR REPLACE FUNCTION ${schema}.now_ms() RETURNS bigint LANGUAGE sql VOLATILE
    AS $$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - ${ms} $$`
}

describe.skipIf(!installed)('positions', () => {
  it('rise when the server crashed and came back with a clock an hour behind, also over cursors made from the time', async () => {
    const server = await PostgresServer.start()
    onTestFinished(() => server.dispose())
    const admin = new pg.Pool({ connectionString: server.url })
    admin.on('error', () => {})
    const { client, end } = pools.pg(server.url)
    onTestFinished(async () => {
      await Promise.all([admin.end(), end()])
    })
    // At the crash, everything that no commit has written is still in memory.
    await admin.query("ALTER SYSTEM SET wal_writer_delay = '10s'")
    await admin.query('SELECT pg_reload_conf()')
    await migrate(admin)
    const node = new PostgresBackplane({ client })
    const { position } = await node.publish('a', text('1'), kept)
    const { clock } = await node.read('a', position!, 0)
    node.close()
    await server.stop('SIGQUIT')
    await server.start()
    await admin.query(clockGoesBack('rivulet', 3_600_000))
    const other = new PostgresBackplane({ client })
    onTestFinished(() => other.close())
    const next = await other.publish('a', text('2'), kept)
    expect(next.position).toBeGreaterThan(Math.max(position!, clock))
    expect(await other.read('a', clock, 10)).toMatchObject({ continuous: true, messages: [{ data: '2' }] })
  }, 120_000)

  it('rise over what any node knows, after a failover to a replica whose clock is behind', async () => {
    const scene = await Scene.create()
    const [one, other] = [scene.node(), scene.node()]
    const recorder = new Recorder()
    await one.subscribe('a', recorder)
    const { position } = await one.publish('a', text('1'), kept)
    await recorder.until(({ data }) => data.length === 1)
    // The replica lacks the event, and its clock is an hour behind. A node that knows nothing of it is the first to publish.
    const before = '(rivulet.now_ms() - 7200000) * 1024'
    await scene.query(`${clockGoesBack(scene.schema, 3_600_000)};
      DELETE FROM rivulet.events; UPDATE rivulet.state SET history = 'of the primary';
      SELECT setval('rivulet.positions', ${before}), setval('rivulet.horizon', ${before})`)
    await other.publish('a', text('may be part of the gap'), kept)
    await recorder.until(({ gaps }) => gaps.length > 0)
    await other.publish('a', text('2'), kept)
    await recorder.until(({ data }) => data.includes('2'))
    // If the first node notices the failover before that publish, the event comes behind the gap, with a higher position.
    const told = recorder.entries.map(({ message }) => message?.data)
    expect(told.filter((data) => data !== 'may be part of the gap')).toEqual(['1', undefined, '2'])
    expect(told.indexOf('may be part of the gap')).not.toBe(1)
    const positions = recorder.messages.map(({ position }) => position!)
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b))
    expect(positions[1]).toBeGreaterThan(position!)
    expect(await other.read('a', position!, 10)).toMatchObject({ continuous: false, reason: 'restarted' })
  }, 60_000)

  it('of before a restored dump are a gap', async () => {
    const restored = await PostgresServer.start()
    onTestFinished(() => restored.dispose())
    const scene = await Scene.create()
    const node = scene.node()
    const { position } = await node.publish('a', text('1'), kept)
    const run = promisify(execFile)
    const program = async (name: string) => join((await serverFolder())!, name)
    const file = join(restored.folder, 'dump.sql')
    await run(await program('pg_dump'), ['--schema', scene.schema, '--file', file, url])
    await node.publish('a', text('not in the dump'), kept)
    await run(await program('psql'), ['--quiet', '--set', 'ON_ERROR_STOP=1', '--file', file, restored.url])
    const { client, end } = pools.pg(restored.url)
    onTestFinished(end)
    const after = new PostgresBackplane({ client, schema: scene.schema })
    onTestFinished(() => after.close())
    expect(await after.read('a', position!, 10)).toMatchObject({ continuous: false, reason: 'restarted' })
  }, 120_000)
})
