import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createRunNodes, type RunEvents } from '../../test/runs.js'
import { SimulatedSink } from '../../test/simulation.js'
import type { Producing } from './producer.js'

/** A producer that publishes what the test says, when it does. */
function byHand() {
  let producing!: Producing<RunEvents>
  let end = (_failure?: unknown) => {}
  const producer = (given: Producing<RunEvents>) => {
    producing = given
    return new Promise<void>((resolve, reject) => {
      end = (failure) => (failure ? reject(failure) : resolve())
    })
  }
  return {
    producer,
    say: (text: string) => producing.publish('token', { text }),
    end: (failure?: unknown) => end(failure),
  }
}

it('gives the whole run to readers that join before, during or after it', async () => {
  const { one, other, calm } = createRunNodes()
  const { producer, say, end } = byHand()
  await one.runs.start('a', {}, producer)
  const early = await other.read('a')
  expect(early.seen()).toEqual(['open null 0', 'live'])
  await say('1')
  await say('2')
  const middle = await one.read('a')
  await say('3')
  end()
  await calm()
  const late = await other.read('a')
  expect(early.seen()).toEqual(['open null 0', 'live', '1', '2', '3', 'done'])
  expect(middle.seen()).toEqual(['open null 2', '1', '2', 'live', '3', 'done'])
  expect(late.seen()).toEqual(['open null 4', '1', '2', '3', 'done'])
  for (const { sink, messages } of [early, middle, late]) {
    expect(sink.closed).toBe(true)
    expect(JSON.parse(messages[0]!.data)).toMatchObject({ run: true })
  }
  await calm()
  expect(one.manager.connections.size + other.manager.connections.size).toBe(0)
  expect(one.manager.stats().cohorts).toBe(0)
})

it('continues after a cursor, and answers 204 to a reader that has everything', async () => {
  const { one, other, calm } = createRunNodes()
  const { producer, say } = byHand()
  await one.runs.start('a', {}, producer)
  const reader = await one.read('a')
  const atTheBeginning = reader.cursor()
  await say('1')
  await calm()
  const afterOne = reader.cursor()
  await say('2')
  await other.runs.stop('a', 'user')
  await calm()
  expect((await other.read('a', { lastEventId: atTheBeginning })).seen()).toEqual([
    'open true 3',
    '1',
    '2',
    'stopped user',
  ])
  expect((await other.read('a', { lastEventId: afterOne })).seen()).toEqual(['open true 2', '2', 'stopped user'])
  const again = await other.read('a', { lastEventId: reader.cursor() })
  expect([again.sink.status, again.seen()]).toEqual([204, []])
  for (const lastEventId of ['zzzzzzzzzz', 'x y', '-1', '1']) {
    expect((await one.read('a', { lastEventId })).seen()).toEqual([
      'open false 3',
      'gap restarted',
      '1',
      '2',
      'stopped user',
    ])
  }
})

it('announces a gap at its place if the log was trimmed', async () => {
  const { one, calm } = createRunNodes({ maxBytes: 400 })
  const { producer, say, end } = byHand()
  await one.runs.start('a', {}, producer)
  const early = await one.read('a')
  const all = Array.from({ length: 20 }, (_, index) => `${index}`)
  for (const text of all.slice(0, 10)) await say(text)
  await calm()
  const cursor = early.cursor()
  for (const text of all.slice(10)) await say(text)
  end()
  await calm()
  expect(early.seen()).toEqual(['open null 0', 'live', ...all, 'done'])
  const late = (await one.read('a')).seen()
  const kept = late.length - 3
  const replayed = kept + 1
  expect(late).toEqual([`open null ${replayed}`, 'gap trimmed', ...all.slice(-kept), 'done'])
  expect(kept).toBeGreaterThan(3)
  expect((await one.read('a', { lastEventId: cursor })).seen()).toEqual([
    `open false ${replayed}`,
    'gap trimmed',
    ...all.slice(-kept),
    'done',
  ])
})

it('gives a slow reader the rest after the end, at its own pace', async () => {
  const { one, calm } = createRunNodes()
  const { producer, say, end } = byHand()
  await one.runs.start('a', {}, producer)
  const slow = await one.read('a', { slow: true })
  const all = Array.from({ length: 100 }, (_, index) => `${index} ${'x'.repeat(10_000)}`)
  for (const text of all) await say(text)
  end()
  await calm()
  expect(slow.sink.closed).toBe(false)
  expect(slow.sink.bufferedBytes).toBeLessThan(700_000)
  for (let round = 0; !slow.sink.closed && round < 200; round++) {
    slow.sink.take(20_000)
    await calm()
  }
  expect(slow.seen().filter((text) => text !== 'live')).toEqual(['open null 0', ...all, 'done'])
})

it.each([
  ['one that takes everything', false, ['x'.repeat(20_000)]],
  ['a slow one', true, ['x'.repeat(20_000)]],
  ['one that lags', true, ['x'.repeat(400_000), 'y']],
])('gives a reader nothing after the end, though a gap follows it at once: %s', async (_, slow, texts) => {
  const { one, backplane, calm, pass } = createRunNodes()
  const { producer, say, end } = byHand()
  await one.runs.start('a', {}, producer)
  const subscribe = vi.spyOn(backplane, 'subscribe')
  const reader = await one.read('a', { slow })
  const [, subscriber] = subscribe.mock.calls.find(([channel]) => channel === 'rivulet:run:a')!
  const onMessage = subscriber.onMessage.bind(subscriber)
  vi.spyOn(subscriber, 'onMessage').mockImplementation((channel, message) => {
    onMessage(channel, message)
    if (message.type === 'rivulet:end') subscriber.onGap(channel)
  })
  for (const text of texts) await say(text)
  await calm()
  end()
  await calm()
  expect(reader.sink.closed).toBe(!slow)
  for (let round = 0; round < 8 && !reader.sink.closed; round++) {
    await pass(1_000)
    reader.sink.take(Infinity)
    await calm()
  }
  expect(reader.sink.closed).toBe(true)
  expect(reader.seen().slice(2)).toEqual([...texts, 'done'])
  expect(one.manager.stats()).toMatchObject({ connections: 0, gaps: 0 })
  expect(one.errors).toEqual([])
})

/** A slow reader of a run that is over, to which the end is not sent yet. */
async function readSlowly() {
  const nodes = createRunNodes()
  const { one, calm } = nodes
  const { producer, say, end } = byHand()
  await one.runs.start('a', {}, producer)
  const slow = await one.read('a', { slow: true })
  await say('x'.repeat(20_000))
  end()
  await calm()
  expect(slow.sink.bufferedBytes).toBeGreaterThan(0)
  return { ...nodes, slow }
}

const beforeTheEnd = ['open null 0', 'live', 'x'.repeat(20_000)]

it('does not say farewell to a reader that has the end', async () => {
  const { one, slow, calm } = await readSlowly()
  one.manager.disconnect(() => true, 'enough')
  await calm()
  slow.sink.take(Infinity)
  await calm()
  expect(slow.seen()).toEqual([...beforeTheEnd, 'done'])
})

it('sends no heartbeat after the end, though its sink does not tell what it has to send', async () => {
  const { one, slow, pass } = await readSlowly()
  Object.defineProperty(slow.sink, 'bufferedBytes', { get: () => 0, set: () => {} })
  await pass(40_000)
  expect(one.manager.stats()).toMatchObject({ connections: 1, heartbeats: 0 })
})

it('does not count a reader as lagging that has the end, although the id of its run is used again', async () => {
  const { one, slow, calm } = await readSlowly()
  await one.runs.forget('a')
  const { producer, say } = byHand()
  await one.runs.start('a', {}, producer)
  for (let count = 0; count < 4; count++) await say('y'.repeat(50_000))
  await calm()
  expect(one.manager.stats()).toMatchObject({ connections: 1, lags: 0 })
  slow.sink.take(Infinity)
  await calm()
  expect(slow.seen()).toEqual([...beforeTheEnd, 'done'])
})

it('answers 404 for a run that never started, expired or was forgotten', async () => {
  const { one, other, pass } = createRunNodes({ keepMs: 10_000 })
  await (await one.runs.start('a', {}, () => {})).finished
  await (await one.runs.start('b', {}, () => {})).finished
  expect((await other.read('a')).sink.status).toBe(200)
  expect((await other.read('unknown')).sink.status).toBe(404)
  await one.runs.forget('b')
  expect((await other.read('b')).sink.status).toBe(404)
  await pass(10_000)
  expect((await other.read('a')).sink.status).toBe(404)
})

it('recognizes a cursor of an earlier run with the same id', async () => {
  const { one } = createRunNodes()
  await (await one.runs.start('a', {}, ({ publish }) => publish('token', { text: 'old' }))).finished
  const before = await one.read('a')
  await one.runs.forget('a')
  await (await one.runs.start('a', {}, ({ publish }) => publish('token', { text: 'new' }))).finished
  const after = await one.read('a', { lastEventId: before.cursor() })
  expect(after.seen()).toEqual(['open false 2', 'gap restarted', 'new', 'done'])
})

it('gives a lagging reader the end of a run that was forgotten, and the gap before it', async () => {
  const { one, other, calm, pass } = createRunNodes()
  const { producer, say } = byHand()
  await one.runs.start('a', {}, producer)
  const slow = await other.read('a', { slow: true })
  for (let index = 0; index < 400; index++) await say('x'.repeat(30_000))
  await calm()
  await one.runs.forget('a')
  await calm()
  for (let round = 0; round < 30 && !slow.sink.closed; round++) {
    slow.sink.take(Infinity)
    await pass(1_000)
  }
  expect(slow.sink.closed).toBe(true)
  expect(slow.seen()).toContain('gap lagged')
  expect(slow.seen().at(-1)).toBe('stopped forgotten')
})

it('refuses a reader if its run is forgotten while the stream is opened', async () => {
  const { one, other, calm, pass } = createRunNodes()
  await (await one.runs.start('a', {}, ({ publish }) => publish('token', { text: '1' }))).finished
  const authorize = async () => {
    await other.runs.forget('a')
    return true
  }
  const reader = await one.read('a', { authorize })
  await pass(1_000)
  await calm()
  expect(reader.seen()).toEqual(['open null 0', 'gap trimmed', 'live', 'close run ended true'])
  expect((await one.read('a', { lastEventId: reader.cursor() })).sink.status).toBe(404)
})

it('lets only authorized readers in', async () => {
  const { one } = createRunNodes()
  await one.runs.start('a', { key: 'ada' }, () => new Promise(() => {}))
  const status = async (id: string, user: string | undefined) => {
    const { sink } = await one.read(id, { authorize: (_, { run }) => user !== undefined && run?.key === user })
    return sink.status
  }
  expect([await status('a', 'ada'), await status('a', 'bob'), await status('a', undefined)]).toEqual([200, 403, 403])
  expect(await status('unknown', 'ada')).toBe(403)
  const wrong = [
    () => undefined,
    () => ({ allowed: true }),
    () => {
      throw new Error('secret')
    },
    () => Promise.reject(new Error('secret')),
    undefined,
  ]
  for (const authorize of wrong) expect((await one.read('a', { authorize: authorize as never })).sink.status).toBe(500)
  for (const id of [
    () => '',
    () => 1,
    () => {
      throw new Error('secret')
    },
  ]) {
    expect((await one.read('a', { id: id as never })).sink.status).toBe(500)
  }
  expect((await one.read('a', { id: () => undefined })).sink.status).toBe(404)
  expect((await one.read('a', { authorize: () => ({ context: undefined }) })).sink.status).toBe(401)
  expect(one.errors.map(({ context }) => context.stage)).toEqual([...wrong.map(() => 'authorize'), 'id', 'id', 'id'])
})

it('is a stream like any other: shown, counted and disconnected by key', async () => {
  const { one, calm } = createRunNodes()
  await one.runs.start('a', {}, () => new Promise(() => {}))
  const reader = await one.read('a', { authorize: () => ({ context: 'Ada', key: 'ada' }) })
  expect([...one.manager.connections.values()]).toMatchObject([
    { channels: ['rivulet:run:a'], context: 'Ada', key: 'ada' },
  ])
  await one.manager.disconnectEverywhere({ key: 'ada' }, 'signed out')
  await calm()
  expect(reader.seen().at(-1)).toBe('close signed out false')
})

it('tells a reader of a new run of no gap, although a lagging one still reads an earlier run with its id', async () => {
  const { one, calm } = createRunNodes()
  const first = byHand()
  await one.runs.start('a', {}, first.producer)
  const slow = await one.read('a', { slow: true })
  for (let n = 0; n < 40; n++) await first.say(`${n} ${'x'.repeat(1_000)}`)
  first.end()
  await calm()
  await one.runs.forget('a')
  const second = byHand()
  await one.runs.start('a', {}, second.producer)
  const reader = await one.read('a')
  await second.say('1')
  await calm()
  expect(reader.seen()).toEqual(['open null 0', 'live', '1'])
  expect(slow.seen()).toEqual([])
})

it('gives a slow reader nothing behind the end, although the id of its run is used again', async () => {
  for (const size of [10, 2_000, 10_000]) {
    const { one, calm } = createRunNodes()
    const first = byHand()
    await one.runs.start('a', {}, first.producer)
    const slow = await one.read('a', { slow: true })
    const all = Array.from({ length: 20 }, (_, n) => `${n} ${'x'.repeat(size)}`)
    for (const text of all) await first.say(text)
    first.end()
    await calm()
    await one.runs.forget('a')
    const second = byHand()
    await one.runs.start('a', {}, second.producer)
    await second.say('of the second run')
    await calm()
    for (let round = 0; round < 50 && !slow.sink.closed; round++) {
      slow.sink.take(10_000)
      await calm()
    }
    expect(slow.seen()).toEqual(['open null 0', 'live', ...all, 'done'])
    expect(slow.sink.closed).toBe(true)
    expect(one.manager.stats().connections).toBe(0)
  }
})

/** Has a slow reader of a run that is over, with so many outputs of 1,000 characters. */
async function readEndedRun(count = 15) {
  const nodes = createRunNodes()
  await (
    await nodes.one.runs.start('a', {}, async ({ publish }) => {
      for (let n = 0; n < count; n++) await publish('token', { text: 'x'.repeat(1_000) })
    })
  ).finished
  return { ...nodes, slow: await nodes.one.read('a', { slow: true }) }
}

it('gives a reader that takes nothing for a while the rest of a run that is over', async () => {
  const { one, calm, pass } = createRunNodes()
  const all = Array.from({ length: 15 }, (_, n) => `${n} ${'x'.repeat(1_000)}`)
  await (
    await one.runs.start('a', {}, async ({ publish }) => {
      for (const text of all) await publish('token', { text })
    })
  ).finished
  const slow = await one.read('a', { slow: true })
  await pass(20_000)
  expect(one.manager.stats()).toMatchObject({ connections: 1 })
  slow.sink.take(Infinity)
  await calm()
  expect(slow.seen()).toEqual(['open null 16', ...all, 'done'])
  expect(one.manager.stats()).toMatchObject({ connections: 0, stalled: 0 })
})

it.each([
  ['much', 15],
  ['little', 1],
])('cuts off a reader that takes nothing of the end for too long, of which there is %s', async (_, count) => {
  const { one, pass, slow } = await readEndedRun(count)
  await pass(70_000)
  expect(slow.sink.closed).toBe(true)
  expect(one.manager.stats()).toMatchObject({ connections: 0, stalled: 1 })
})

it('ends the stream of a reader that still takes the end when the server shuts down', async () => {
  const { one, pass, slow } = await readEndedRun()
  const closed = one.manager.close()
  await pass(2_000)
  await closed
  expect(slow.sink.closed).toBe(true)
})

it('ends a response once, though the server shuts down before its client has everything', async () => {
  const { one, pass } = createRunNodes()
  await (await one.runs.start('a', {}, ({ publish }) => publish('token', { text: 'x' }))).finished
  const ended = vi.spyOn(SimulatedSink.prototype, 'end')
  onTestFinished(() => void ended.mockRestore())
  await one.read('a', { slow: true })
  expect(ended).toHaveBeenCalledOnce()
  const closed = one.manager.close()
  await pass(2_000)
  await closed
  expect(ended).toHaveBeenCalledOnce()
})

it('tells why a stream is over that was sent to its end', async () => {
  const { one, calm } = createRunNodes()
  const { producer, end } = byHand()
  await one.runs.start('a', {}, producer)
  const closes: unknown[] = []
  const onClose = (message: unknown) => closes.push((message as { reason: string }).reason)
  subscribe('rivulet:connection:close', onClose)
  onTestFinished(() => void unsubscribe('rivulet:connection:close', onClose))
  const [left] = [await one.read('a'), await one.read('a')]
  left.sink.destroy()
  await calm()
  end()
  await calm()
  expect(closes).toEqual(['client left', 'ended'])
})

it.each<[what: string, method: 'write' | 'end']>([
  ['the last event', 'write'],
  ['the end of the response', 'end'],
])('gives up a reader whose sink fails with %s, once', async (_, method) => {
  const { one, calm, pass } = createRunNodes()
  const { producer, end } = byHand()
  await one.runs.start('a', {}, producer)
  const { sink } = await one.read('a')
  vi.spyOn(sink, method).mockImplementation(() => {
    throw new Error('broken')
  })
  const [ended, destroyed] = [vi.spyOn(sink, 'end'), vi.spyOn(sink, 'destroy')]
  end()
  await calm()
  await pass(3_000)
  expect(one.errors).toHaveLength(1)
  expect(ended).toHaveBeenCalledTimes(method === 'end' ? 1 : 0)
  expect(destroyed).toHaveBeenCalledOnce()
})

it.each<[what: string, method: 'write' | 'end']>([
  ['its farewell', 'write'],
  ['the end of the response', 'end'],
])('gives up a stream whose sink fails with %s at the shutdown, once', async (_, method) => {
  const { one, pass } = createRunNodes()
  await one.runs.start('a', {}, byHand().producer)
  const { sink } = await one.read('a')
  vi.spyOn(sink, method).mockImplementation(() => {
    throw new Error('broken')
  })
  const [ended, destroyed] = [vi.spyOn(sink, 'end'), vi.spyOn(sink, 'destroy')]
  const closed = one.manager.close()
  await pass(3_000)
  await closed
  expect(one.errors).toHaveLength(1)
  expect(ended).toHaveBeenCalledTimes(method === 'end' ? 1 : 0)
  expect(destroyed).toHaveBeenCalledOnce()
})
