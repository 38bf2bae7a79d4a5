import { lossNotice, type RunCreation, type RunEnd, runChannel } from '@rivulet/server'
import { expect, it } from 'vitest'
import { Recorder } from '../../../../test-support/recorder.js'
import { OneRedis } from '../../test/one-redis.js'
import type { RedisBackplane } from '../redis-backplane.js'

const redis = new OneRedis()
const minute = 60_000
const done: RunEnd = { state: 'done', reason: undefined, message: { type: 'rivulet:end', data: '{"state":"done"}' } }

function creation(options: Partial<RunCreation> = {}): RunCreation {
  const bounds = { leaseMs: minute, keepMs: minute, maxBytes: 1_000_000, maxRunning: Infinity }
  return { token: 't', key: undefined, ...bounds, ...options }
}

function texts(...data: string[]) {
  return data.map((text) => ({ type: 'token', data: text }))
}

async function read({ read }: { read: RedisBackplane['read'] }, id: string, after: number) {
  const { messages, continuous, reason } = await read(runChannel(id), after, 100)
  return { data: messages.map(({ data }) => data), continuous, reason }
}

/** A node, and the means to do with its run `a` what the failures of a Redis do. */
async function start() {
  const { backplane, namespace } = redis.node()
  const { runs } = backplane
  const key = (name: string) => `{${namespace}}:${name}`
  const keys = async () => (await redis.admin.keys(`{${namespace}}:*`)).sort()
  const own = [key('run:a'), key(`log:${runChannel('a')}`)]
  const reader = { read: backplane.read.bind(backplane) }
  /** Takes the run back to what it was when this was called. */
  async function snapshot() {
    const dumps = await Promise.all(own.map((name) => redis.admin.dumpBuffer(name)))
    return async () => {
      for (const [index, name] of own.entries()) await redis.admin.restore(name, 0, dumps[index]!, 'REPLACE')
    }
  }
  /** History begins anew, as after a failover. */
  async function beginAnew() {
    const last = Number(await redis.admin.hget(key('positions'), 's'))
    await redis.admin.hset(key('positions'), 's', String(last + 1), 'o', String(last + 1))
  }
  return { backplane, runs, reader, key, keys, snapshot, beginAnew }
}

it('leaves nothing behind of runs that were forgotten', async () => {
  const { runs, keys, key } = await start()
  for (const id of ['a', 'b']) {
    await runs.create(id, creation({ key: id === 'a' ? 'k' : undefined }))
    await runs.append(id, 't', 0, texts('1'))
    await runs.finish(id, { token: 't' }, done)
    await runs.forget(id)
  }
  expect(await keys()).toEqual([key('positions')])
  expect((await redis.admin.hkeys(key('positions'))).filter((field) => field.startsWith('h:'))).toEqual([])
})

it('leaves nothing behind of runs whose time is over, without anybody who asks for them', async () => {
  const { runs, keys, key } = await start()
  for (const id of ['a', 'b', 'c']) {
    await runs.create(id, creation({ key: 'k', keepMs: 20 }))
    await runs.append(id, 't', 0, texts('1'))
    await runs.finish(id, { token: 't' }, done)
  }
  await expect.poll(keys).toEqual([key('positions'), key('runs:by-key'), key('runs:ended')])
  // As each node does all the time.
  await runs.lapsed(10)
  expect(await keys()).toEqual([key('positions')])
})

it('keeps the keys of runs apart', async () => {
  const { runs } = await start()
  const names = ['a', 'a:1', 'a:', '1:a', '-', '-:', ':', 'ä', '漢', 'aa']
  for (const name of names) await runs.create(`of ${name}`, creation({ key: name, maxRunning: 1 }))
  await runs.create('of nobody', creation())
  for (const name of names) {
    expect((await runs.list(name, 10)).map(({ id, key }) => [id, key])).toEqual([[`of ${name}`, name]])
    expect((await runs.create('one more', creation({ key: name, maxRunning: 1 }))).created).toBe(false)
  }
})

it('lists more runs than one call asks for, and those that are gone leave no hole', async () => {
  const { runs, key } = await start()
  const ids = Array.from({ length: 700 }, (_, index) => `r${index}`)
  await Promise.all(ids.map((id) => runs.create(id, creation({ key: 'k' }))))
  const listed = (await runs.list('k', 1_000)).map(({ id }) => id)
  expect(new Set(listed)).toEqual(new Set(ids))
  expect(new Set(listed).size).toBe(listed.length)
  await redis.admin.del(...listed.slice(0, 300).map((id) => key(`run:${id}`)))
  expect((await runs.list('k', 50)).map(({ id }) => id)).toEqual(listed.slice(300, 350))
})

it('tells a loss to a producer that goes on, and to every reader at its place', async () => {
  const { backplane, runs, reader, snapshot, beginAnew } = await start()
  const { run } = await runs.create('a', creation())
  const recorder = new Recorder()
  await backplane.subscribe(runChannel('a'), recorder)
  await runs.append('a', 't', 0, texts('1', '2'))
  const rollBack = await snapshot()
  await runs.append('a', 't', 2, texts('3'))
  const { position } = (await backplane.read(runChannel('a'), run!.beginning, 10)).messages[2]!
  await rollBack()
  await beginAnew()
  expect(await runs.append('a', 't', 3, texts('4'))).toBe(true)
  expect(await read(reader, 'a', run!.beginning)).toEqual({ data: ['1', '2', lossNotice.data, '4'], continuous: true })
  // Whoever has what is lost comes from another history.
  expect(await read(reader, 'a', position)).toMatchObject({ data: [lossNotice.data, '4'], reason: 'restarted' })
  await recorder.until(({ data }) => data.includes('4'))
  expect(recorder.data).toEqual(['1', '2', '3', lossNotice.data, '4'])
})

it('tells no loss where the count of the producer shows that there is none', async () => {
  const { runs, reader, beginAnew } = await start()
  const { run } = await runs.create('a', creation())
  await runs.append('a', 't', 0, texts('1', '2'))
  await beginAnew()
  await runs.append('a', 't', 2, texts('3'))
  await runs.finish('a', { token: 't' }, done)
  const all = { data: ['1', '2', '3', done.message.data], continuous: true }
  expect(await read(reader, 'a', run!.beginning)).toEqual(all)
})

it('tells that there may be a loss before the end, where nothing shows that there is none', async () => {
  const { runs, reader, beginAnew } = await start()
  const { run } = await runs.create('a', creation())
  await runs.append('a', 't', 0, texts('1'))
  await beginAnew()
  await runs.finish('a', 'anyone', done)
  const all = { data: ['1', lossNotice.data, done.message.data], continuous: true }
  expect(await read(reader, 'a', run!.beginning)).toEqual(all)
})

it('tells a reader from before a loss, whose events were stored again after it', async () => {
  const { backplane, runs, reader, snapshot, beginAnew } = await start()
  await runs.create('a', creation())
  await runs.append('a', 't', 0, texts('1'))
  const rollBack = await snapshot()
  await runs.append('a', 't', 1, texts('2'))
  const { position } = (await backplane.read(runChannel('a'), 0, 10)).messages[1]!
  await rollBack()
  await beginAnew()
  await runs.append('a', 't', 1, texts('2'))
  expect(await read(reader, 'a', position)).toEqual({ data: ['2'], continuous: false, reason: 'restarted' })
})

it('proves nothing by a run whose events are gone', async () => {
  const { runs, reader, key } = await start()
  const { run } = await runs.create('a', creation())
  await runs.append('a', 't', 0, texts('1', '2'))
  await redis.admin.del(key(`log:${runChannel('a')}`))
  const gone = { data: [], continuous: false, reason: 'trimmed' }
  expect(await read(reader, 'a', run!.beginning)).toEqual(gone)
  await runs.append('a', 't', 2, texts('3'))
  expect(await read(reader, 'a', run!.beginning)).toEqual({ ...gone, data: ['3'] })
})

it('knows nothing of a run that was evicted, and looks for its lease no more', async () => {
  const { runs, reader, key, keys } = await start()
  const { run } = await runs.create('a', creation({ key: 'k', maxRunning: 1 }))
  await runs.append('a', 't', 0, texts('1'))
  await redis.admin.del(key('run:a'))
  expect(await runs.append('a', 't', 1, texts('2'))).toBe(false)
  expect(await runs.renew([{ id: 'a', token: 't' }], minute)).toEqual([false])
  expect(await read(reader, 'a', run!.beginning)).toEqual({ data: [], continuous: false, reason: 'trimmed' })
  const [lease] = await redis.admin.zrange(key('runs:leases'), '0', '0')
  await redis.admin.zadd(key('runs:leases'), 1, lease!)
  expect(await runs.lapsed(10)).toEqual({ ids: [], nextMs: undefined })
  expect(await keys()).toEqual([key(`log:${runChannel('a')}`), key('positions')])
  const again = await runs.create('a', creation({ key: 'k', maxRunning: 1 }))
  expect(again.created).toBe(true)
  expect(await read(reader, 'a', again.run!.beginning)).toEqual({ data: [], continuous: true })
})

it('begins history anew above a run that outlived its clock', async () => {
  const { runs, reader, key } = await start()
  const { run } = await runs.create('a', creation())
  await runs.append('a', 't', 0, texts('1'))
  const far = run!.beginning + 10 ** 12
  await redis.admin.hset(key('run:a'), 'h', String(far))
  await redis.admin.xadd(key(`log:${runChannel('a')}`), `${far}-0`, 'p', String(far - 1), 'c', '9', 'e', '5|1|token1')
  await redis.admin.del(key('positions'))
  expect(await runs.append('a', 't', 1, texts('2'))).toBe(true)
  expect(await read(reader, 'a', far)).toMatchObject({ data: ['2'] })
})

it('ends runs while the memory of Redis is full, and starts none', async () => {
  const { runs, reader } = await start()
  const { run } = await runs.create('a', creation({ key: 'k' }))
  await redis.admin.config('SET', 'maxmemory', '1')
  try {
    await expect(runs.create('b', creation())).rejects.toMatchObject({ code: 'RIVULET_BACKPLANE_UNAVAILABLE' })
    await expect(runs.append('a', 't', 0, texts('1'))).rejects.toThrow(/OOM/)
    expect(await runs.finish('a', { token: 't' }, done)).toBe(true)
    expect(await read(reader, 'a', run!.beginning)).toMatchObject({ data: [done.message.data] })
  } finally {
    await redis.admin.config('SET', 'maxmemory', '0')
  }
})

it('tells readers that were away of a run that was forgotten meanwhile', async () => {
  const { backplane, namespace, proxy } = await redis.behindProxy()
  const other = redis.node({ namespace }).backplane
  await backplane.runs.create('a', creation())
  await backplane.runs.append('a', 't', 0, texts('1'))
  const recorder = new Recorder()
  await backplane.subscribe(runChannel('a'), recorder)
  proxy.cut()
  await other.runs.finish('a', 'anyone', done)
  await other.runs.forget('a')
  proxy.mend()
  await recorder.until(({ gaps }) => gaps.length > 0)
  expect(recorder.gaps).toEqual([runChannel('a')])
})

it('repairs what a node missed of a run', async () => {
  const { backplane, namespace, proxy } = await redis.behindProxy()
  const other = redis.node({ namespace }).backplane
  await other.runs.create('a', creation())
  const recorder = new Recorder()
  await backplane.subscribe(runChannel('a'), recorder)
  await other.runs.append('a', 't', 0, texts('1'))
  await recorder.until(({ data }) => data.length === 1)
  proxy.cut()
  await other.runs.append('a', 't', 1, texts('2'))
  await other.runs.finish('a', { token: 't' }, done)
  proxy.mend()
  await recorder.until(({ data }) => data.length === 3)
  expect(recorder.data).toEqual(['1', '2', done.message.data])
  expect(recorder.gaps).toEqual([])
})

it('tells a gap to no reader that joined after the run began, on a node that listened before', async () => {
  const { backplane, namespace, proxy } = await redis.behindProxy()
  const other = redis.node({ namespace }).backplane
  const reader = new Recorder()
  await backplane.subscribe(runChannel('a'), new Recorder())
  await other.runs.create('a', creation())
  await backplane.subscribe(runChannel('a'), reader)
  proxy.cut()
  await reader.until(({ health }) => health.length === 1)
  await other.runs.append('a', 't', 0, texts('1'))
  proxy.mend()
  await reader.until(({ data }) => data.length === 1)
  expect(reader.gaps).toEqual([])
})
