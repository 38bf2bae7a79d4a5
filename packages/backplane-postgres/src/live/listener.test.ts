import postgres from 'postgres'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Recorder } from '../../../../test-support/recorder.js'
import { TcpProxy } from '../../../../test-support/tcp-proxy.js'
import { installed, pools, Scene, type TestPool, url } from '../../test/scene.js'
import { Database } from '../database/database.js'
import { Listener } from './listener.js'
import { TableSource } from './table-source.js'

async function until(condition: () => boolean, step: () => unknown = () => {}): Promise<void> {
  while (!condition()) {
    await step()
    await new Promise((done) => setTimeout(done, 5))
  }
}

function listen({ client }: Pick<TestPool, 'client'>, name: string) {
  const woken: string[] = []
  const results: unknown[] = []
  const listener = new Listener({
    client,
    name,
    timeoutMs: 1_000,
    probeMs: 1,
    onWake: (payload) => woken.push(payload),
    onResult: (error) => results.push(error),
  })
  onTestFinished(() => listener.close())
  listener.start()
  return { listener, woken, results }
}

describe.skipIf(!installed).each(Object.entries(pools))('a connection of %s that listens', (_, open) => {
  async function behindProxy() {
    const scene = await Scene.create()
    const proxy = await TcpProxy.start(Number(new URL(url).port))
    const pool = open(Object.assign(new URL(url), { port: String(proxy.port) }).href)
    onTestFinished(async () => {
      await pool.end()
      proxy.dispose()
    })
    const source = (listener: Listener) =>
      new TableSource(new Database({ client: scene.pool, schema: scene.schema, timeoutMs: 5_000 }), listener)
    const notify = (payload: string) => scene.query(`NOTIFY ${scene.schema}, '${payload}'`)
    return { scene, proxy, pool, source, notify }
  }

  it('is replaced when it dies in silence, which a probe finds out', async () => {
    const { scene, proxy, pool, source, notify } = await behindProxy()
    const { listener, woken, results } = listen(pool, scene.schema)
    const reads = source(listener)
    const read = () => reads.read(undefined, [])
    await until(() => woken.length === 1)
    // As long as probes arrive, nothing happens: they are not passed on.
    for (let round = 0; round < 3; round++) await until(() => listener.isDue, read)
    expect([woken, results]).toEqual([[''], [undefined]])
    proxy.swallow()
    await until(() => woken.length === 2, read)
    expect(results[1]).toMatchObject({ message: expect.stringContaining('No notification arrived within 1000 ms') })
    await notify('7')
    await until(() => woken.length === 3, read)
    expect(woken).toEqual(['', '', '7'])
    expect(results).toEqual([undefined, expect.anything(), undefined])
  }, 60_000)

  it('is kept if the probe arrives before the answer of the read that sent it', async () => {
    const { scene, pool, notify } = await behindProxy()
    const { listener, woken, results } = listen(pool, scene.schema)
    await until(() => woken.length === 1)
    const since = performance.now()
    await notify('7')
    await until(() => woken.includes('7'))
    listener.sent(since)
    await until(() => listener.isDue)
    expect([woken, results]).toEqual([['', '7'], [undefined]])
  })

  it('wakes once for each notification after any number of failed attempts', async () => {
    const { scene, proxy, pool, notify } = await behindProxy()
    proxy.cut()
    const { woken, results } = listen(pool, scene.schema)
    await until(() => proxy.refused >= 4 && results.length >= 3)
    proxy.mend()
    await until(() => woken.length >= 1)
    const before = woken.length
    await notify('7')
    await until(() => woken.includes('7'))
    await notify('8')
    await until(() => woken.includes('8'))
    expect(woken.slice(before).filter((payload) => payload !== '')).toEqual(['7', '8'])
  }, 60_000)
})

it.skipIf(!installed)(
  'leaves what the application listens to with `postgres` alone',
  async () => {
    const scene = await Scene.create()
    const proxy = await TcpProxy.start(Number(new URL(url).port))
    const sql = postgres(Object.assign(new URL(url), { port: String(proxy.port) }).href, { onnotice: () => {} })
    onTestFinished(async () => {
      await sql.end({ timeout: 1 })
      proxy.dispose()
    })
    const heard: string[] = []
    await sql.listen(`${scene.schema}_app`, (payload) => heard.push(payload))
    const { listener, woken } = listen({ client: sql }, scene.schema)
    await until(() => woken.length === 1)
    proxy.swallow()
    listener.sent(performance.now())
    await until(() => woken.length === 2)
    await until(
      () => heard.length > 0,
      () => scene.query(`NOTIFY ${scene.schema}_app, 'for the application'`),
    )
    expect(heard[0]).toBe('for the application')
  },
  60_000,
)

describe.skipIf(!installed)('a backplane', () => {
  it('reports that it works again after its listening connection was terminated', async () => {
    const scene = await Scene.create()
    const recorder = new Recorder()
    const node = scene.node({ pollMs: 600_000 })
    await node.subscribe('a', recorder)
    const listening = `FROM pg_stat_activity WHERE query = 'LISTEN ${scene.schema}'`
    const count = async () => (await scene.query(`SELECT pid ${listening}`)).length
    let connections = 0
    await until(
      () => connections === 1,
      async () => (connections = await count()),
    )
    await scene.query(`SELECT pg_terminate_backend(pid) ${listening}`)
    await recorder.until(({ health }) => health.length === 2)
    expect(recorder.health).toEqual([expect.objectContaining({ code: '57P01' }), undefined])
    await scene.node().publish('a', { type: 'log', data: '1' }, { retain: true })
    await recorder.until(({ data }) => data.length === 1)
  }, 60_000)
})
