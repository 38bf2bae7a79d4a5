import { deepEqual, equal, ok } from 'node:assert/strict'
import {
  type Backplane,
  lossNotice,
  type RunCreation,
  type RunEnd,
  type RunRecord,
  type RunStore,
  runChannel,
} from '@rivulet/server'
import { RecordingSubscriber } from './recording-subscriber.js'

/** Two nodes on one store, with the runs of each. */
export interface RunsUnderTest {
  readonly one: Backplane
  readonly other: Backplane
  readonly runs: RunStore
  readonly others: RunStore
}

const longMs = 60_000
const text = (data: string) => ({ type: 'token', data })
const done: RunEnd = ending('done')

function ending(state: RunEnd['state'], reason?: string): RunEnd {
  return { state, reason, message: { type: 'rivulet:end', data: JSON.stringify({ state, reason }) } }
}

function creation(token: string, options: Partial<RunCreation> = {}): RunCreation {
  const key = undefined
  return { token, key, leaseMs: longMs, keepMs: longMs, maxBytes: 1_000_000, maxRunning: Infinity, ...options }
}

async function readAll(backplane: Backplane, id: string, after: number) {
  const { messages, continuous, reason } = await backplane.read(runChannel(id), after, 1_000)
  return { data: messages.map(({ data }) => data), continuous, reason }
}

/** Waits for a condition that only time makes true. */
async function eventually(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 5_000; !(await holds()); ) {
    ok(Date.now() < deadline, what)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

async function lapse(runs: RunStore, id: string): Promise<void> {
  await eventually(async () => (await runs.get(id))!.lapsed, 'the lease has lapsed')
}

/** A record without the fields that the store sets. */
function stateOf(record: RunRecord | undefined) {
  const { id, key, state, reason, lapsed } = record!
  return { id, key, state, reason, lapsed }
}

export const runChecks: Record<string, (backplanes: RunsUnderTest) => Promise<void>> = {
  async 'creates a run only once'({ runs, others }) {
    const made = await Promise.all([
      runs.create('käse:{1}|*', creation('t1', { key: 'k' })),
      others.create('käse:{1}|*', creation('t2')),
    ])
    deepEqual(made.map(({ created }) => created).sort(), [false, true])
    const [one, other] = made.map(({ run }) => run)
    deepEqual(one, other)
    const [winner, loser] = made[0]!.created ? ['t1', 't2'] : ['t2', 't1']
    equal((await others.create('käse:{1}|*', creation(winner!))).created, true, 'the first answer may have been lost')
    equal(await runs.append('käse:{1}|*', loser!, 0, [text('1')]), false)
    equal(await others.append('käse:{1}|*', winner!, 0, [text('1')]), true, 'on any node')
    ok(!JSON.stringify([made, await runs.get('käse:{1}|*')]).includes('"t1"'), 'the token stays secret')
    deepEqual(await others.get('käse:{1}|*'), await runs.get('käse:{1}|*'))
    equal(await runs.get('unknown'), undefined)
  },

  async 'keeps the events of a run on its channel, and delivers them in order, including the end'(backplanes) {
    const { one, other, runs } = backplanes
    const subscriber = new RecordingSubscriber()
    await other.subscribe(runChannel('a'), subscriber)
    const { run } = await runs.create('a', creation('t'))
    const samples = ['', '{"a":"\\n"}', 'ünïcödé 漢字 🜚', '|:\0\r\n', 'x'.repeat(100_000)]
    await runs.append('a', 't', 0, samples.map(text))
    const { position: elsewhere } = await one.publish('b', text('else'), { retain: true })
    equal(await runs.finish('a', { token: 't' }, done), true)
    await subscriber.count(samples.length + 1)
    deepEqual(subscriber.data(), [...samples, done.message.data])
    deepEqual(await readAll(other, 'a', run!.beginning), {
      data: subscriber.data(),
      continuous: true,
      reason: undefined,
    })
    const { messages } = await other.read(runChannel('a'), run!.beginning, 1_000)
    const chain = subscriber.received.map(({ message }) => message)
    deepEqual(
      messages.map(({ position, previous, type }) => ({ position, previous, type })),
      chain.map(({ position, previous, type }) => ({ position, previous, type })),
    )
    ok(
      chain.every(({ previous }, index) => previous === (chain[index - 1]?.position ?? previous)),
      'each has the position of the previous one',
    )
    ok(chain[0]!.previous! <= run!.beginning && run!.beginning < chain[0]!.position!)
    ok(chain.at(-2)!.position! < elsewhere! && elsewhere! < chain.at(-1)!.position!, 'positions rise over all channels')
    equal((await runs.get('a'))!.end, chain.at(-1)!.position)
    equal(chain.at(-1)!.type, 'rivulet:end')
    equal((await other.read(runChannel('a'), chain[2]!.position!, 2)).messages.length, 2)
  },

  async 'ignores a repeated append after a lost answer'({ one, runs, others }) {
    const { run } = await runs.create('a', creation('t'))
    equal(await runs.append('a', 't', 0, [text('1'), text('2')]), true)
    equal(await runs.append('a', 't', 0, [text('1'), text('2')]), true)
    equal(await others.append('a', 't', 1, [text('2'), text('3')]), true)
    deepEqual((await readAll(one, 'a', run!.beginning)).data, ['1', '2', '3'])
  },

  async 'reports a loss at its place if the producer has counted more events'({ other, runs, others }) {
    const { run } = await runs.create('a', creation('t'))
    const subscriber = new RecordingSubscriber()
    await other.subscribe(runChannel('a'), subscriber)
    await runs.append('a', 't', 0, [text('1')])
    equal(await others.append('a', 't', 3, [text('4')]), true)
    equal(await others.append('a', 't', 3, [text('4'), text('5')]), true)
    const stored = await other.read(runChannel('a'), run!.beginning, 10)
    equal(stored.continuous, true)
    const expected = [text('1'), lossNotice, text('4'), text('5')]
    deepEqual(
      stored.messages.map(({ type, data }) => ({ type, data })),
      expected,
    )
    await subscriber.count(4)
    deepEqual(
      subscriber.received.map(({ message: { type, data } }) => ({ type, data })),
      expected,
    )
  },

  async 'ends a run only once, and appends nothing after its end'({ other, runs, others }) {
    for (let round = 0; round < 10; round++) {
      const id = `a${round}`
      const { run } = await runs.create(id, creation('t'))
      const appended: boolean[] = []
      const append = async (ordinal: number) => {
        appended.push(await runs.append(id, 't', ordinal, [text(String(ordinal))]))
      }
      const appending = append(0).then(() => append(1))
      const ended = await Promise.all([
        runs.finish(id, { token: 't' }, done),
        others.finish(id, 'anyone', ending('stopped', 'by somebody')),
        runs.finish(id, 'anyone', ending('stopped', 'by another')),
      ])
      await appending
      equal(ended.filter(Boolean).length, 1)
      const record = await others.get(id)
      const [state, reason] = [
        ['done', undefined],
        ['stopped', 'by somebody'],
        ['stopped', 'by another'],
      ][ended.indexOf(true)]!
      deepEqual(stateOf(record), { id, key: undefined, state, reason, lapsed: false })
      ok(record!.endedAt! >= record!.startedAt)
      equal(await runs.append(id, 't', 2, [text('late')]), false)
      deepEqual(await runs.renew([{ id, token: 't' }], longMs), [false])
      const { data } = await readAll(other, id, run!.beginning)
      deepEqual(data, [
        ...['0', '1'].slice(0, appended.filter(Boolean).length),
        ending(state as 'done', reason).message.data,
      ])
    }
    equal(await runs.finish('unknown', 'anyone', done), false)
    equal(await runs.append('unknown', 't', 0, [text('1')]), false)
  },

  async 'fences a producer for good once its lease is over'({ other, runs, others }) {
    const { run } = await runs.create('a', creation('t', { leaseMs: 20 }))
    await runs.create('b', creation('t', { leaseMs: longMs }))
    equal(await others.finish('b', 'lapsed', ending('failed', 'producer lost')), false, 'while its lease holds')
    await lapse(runs, 'a')
    equal(await runs.append('a', 't', 0, [text('1')]), false)
    deepEqual(
      await runs.renew(
        [
          { id: 'b', token: 't' },
          { id: 'a', token: 't' },
          { id: 'b', token: 'u' },
        ],
        longMs,
      ),
      [true, false, false],
    )
    equal(await runs.finish('a', { token: 't' }, done), false)
    const { ids, nextMs } = await others.lapsed(10)
    deepEqual(ids, ['a'])
    ok(nextMs === undefined || nextMs <= longMs)
    const lost = ending('failed', 'producer lost')
    const ended = await Promise.all([runs, others, runs].map((store) => store.finish('a', 'lapsed', lost)))
    equal(ended.filter(Boolean).length, 1)
    deepEqual(stateOf(await runs.get('a')), {
      id: 'a',
      key: undefined,
      state: 'failed',
      reason: 'producer lost',
      lapsed: false,
    })
    deepEqual(await readAll(other, 'a', run!.beginning), {
      data: [lost.message.data],
      continuous: true,
      reason: undefined,
    })
    const after = await others.lapsed(10)
    deepEqual(after.ids, [])
    ok(after.nextMs! > 0 && after.nextMs! <= longMs, 'reports when the next lease lapses')
  },

  async 'renews a lease from the time of the call'({ runs, others }) {
    /** Keeps a lease alive for longer than its length. Returns false if it rightly lapsed between two renewals. */
    async function outlives(leaseMs: number): Promise<boolean> {
      const id = `a${leaseMs}`
      const start = Date.now()
      await runs.create(id, creation('t', { leaseMs }))
      for (let renewed = start; Date.now() - start < 1.5 * leaseMs; ) {
        const asked = Date.now()
        const [held] = await others.renew([{ id, token: 't' }], leaseMs)
        if (!held) {
          ok(Date.now() - renewed >= leaseMs - 1, 'a lease holds for its time after the renewal')
          return false
        }
        renewed = asked
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await lapse(runs, id)
      return true
    }

    // A machine that stands still for a whole lease gets a longer one.
    for (let leaseMs = 100; !(await outlives(leaseMs)); leaseMs *= 2) {}
  },

  async 'stops a run whose lease is over, like any other'({ runs, others }) {
    await runs.create('a', creation('t', { leaseMs: 1 }))
    await lapse(others, 'a')
    equal(await others.finish('a', 'anyone', ending('stopped', 'user')), true)
    equal(await runs.finish('a', 'lapsed', ending('failed', 'producer lost')), false)
    deepEqual((await runs.lapsed(10)).ids, [])
  },

  async 'finds lapsed runs, up to a limit'({ runs, others }) {
    for (let index = 0; index < 5; index++) await runs.create(`a${index}`, creation('t', { leaseMs: 1 }))
    for (let index = 0; index < 5; index++) await lapse(runs, `a${index}`)
    equal((await others.lapsed(3)).ids.length, 3)
    deepEqual([...(await others.lapsed(10)).ids].sort(), ['a0', 'a1', 'a2', 'a3', 'a4'])
  },

  async 'limits the running runs of a key'({ runs, others }) {
    const limited = (key?: string) => creation('t', { key, maxRunning: 2 })
    const made = await Promise.all(
      ['a', 'b', 'c', 'd'].map((id, index) => (index % 2 ? others : runs).create(id, limited('k'))),
    )
    equal(made.filter(({ created }) => created).length, 2)
    equal(made.filter(({ run }) => run === undefined).length, 2)
    const [first] = made.flatMap(({ run }) => (run ? [run.id] : []))
    const again = await others.create(first!, limited('k'))
    equal(again.run?.id, first, 'a request for a running one gets it')
    equal((await runs.create('e', limited('other'))).created, true)
    for (const id of ['f', 'g', 'h']) equal((await runs.create(id, limited(undefined))).created, true, 'without a key')
    await runs.finish(first!, 'anyone', done)
    equal((await others.create('i', limited('k'))).created, true)
    equal((await others.create('j', limited('k'))).created, false)
  },

  async 'lists the runs of a key, newest first'({ runs, others }) {
    for (const id of ['a', 'b', 'c']) {
      await runs.create(id, creation('t', { key: 'käse:{1}' }))
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
    await runs.create('x', creation('t', { key: 'else' }))
    await runs.create('y', creation('t'))
    await runs.finish('b', { token: 't' }, done)
    const listed = await others.list('käse:{1}', 10)
    deepEqual(
      listed.map(({ id, key, state }) => [id, key, state]),
      [
        ['c', 'käse:{1}', 'running'],
        ['b', 'käse:{1}', 'done'],
        ['a', 'käse:{1}', 'running'],
      ],
    )
    deepEqual(
      (await others.list('käse:{1}', 2)).map(({ id }) => id),
      ['c', 'b'],
    )
    deepEqual(await runs.list('nobody', 10), [])
  },

  async 'keeps the newest events of a run that is too large, and its end'({ other, runs }) {
    const { run } = await runs.create('a', creation('t', { maxBytes: 1_000 }))
    const all = Array.from({ length: 400 }, (_, index) => String(index).padStart(100, '0'))
    for (let index = 0; index < all.length; index += 20)
      await runs.append('a', 't', index, all.slice(index, index + 20).map(text))
    const { data, continuous, reason } = await readAll(other, 'a', run!.beginning)
    deepEqual([continuous, reason], [false, 'trimmed'])
    // A store may trim late, but not far above its limit.
    ok(data.length >= 9 && data.length <= 200, `${data.length} events are kept`)
    deepEqual(data, all.slice(-data.length))
    await runs.append('a', 't', all.length, [text('x'.repeat(50_000))])
    await runs.finish('a', { token: 't' }, done)
    equal((await readAll(other, 'a', run!.beginning)).data.at(-1), done.message.data)
  },

  async 'keeps every event of a long run, whatever the retention of other channels'({ other, runs }) {
    const { run } = await runs.create('a', creation('t'))
    const all = Array.from({ length: 1_500 }, (_, index) => String(index))
    for (let index = 0; index < all.length; index += 100)
      await runs.append('a', 't', index, all.slice(index, index + 100).map(text))
    const first = await other.read(runChannel('a'), run!.beginning, 1_000)
    const second = await other.read(runChannel('a'), first.messages.at(-1)!.position, 1_000)
    deepEqual([first.continuous, second.continuous], [true, true])
    deepEqual(
      [...first.messages, ...second.messages].map(({ data }) => data),
      all,
    )
  },

  async 'forgets a run only after its end'({ one, other, runs, others }) {
    const { run } = await runs.create('a', creation('t', { key: 'k' }))
    await runs.append('a', 't', 0, [text('1')])
    equal(await others.forget('a'), false, 'while it is running')
    equal((await runs.get('a'))!.state, 'running')
    await runs.finish('a', { token: 't' }, done)
    equal(await others.forget('a'), true)
    equal(await others.forget('a'), true)
    equal(await runs.get('a'), undefined)
    deepEqual(await runs.list('k', 10), [])
    const { messages, continuous } = await other.read(runChannel('a'), run!.beginning, 10)
    deepEqual([messages, continuous], [[], false])
    const again = await runs.create('a', creation('t2'))
    equal(again.created, true)
    ok(again.run!.beginning > run!.beginning + 1)
    await runs.append('a', 't2', 0, [text('2')])
    deepEqual(await readAll(one, 'a', again.run!.beginning), { data: ['2'], continuous: true, reason: undefined })
    const earlier = await readAll(one, 'a', run!.beginning)
    deepEqual([earlier.data, earlier.continuous], [['2'], false], 'a cursor of the previous run')
  },

  async 'reports no gap to a subscriber of a new run whose id had another run'({ other, runs }) {
    for (const round of ['1', '2', '3']) {
      await runs.create('a', creation(round))
      const subscriber = new RecordingSubscriber()
      await other.subscribe(runChannel('a'), subscriber)
      await runs.append('a', round, 0, [text(round)])
      await runs.finish('a', { token: round }, done)
      await subscriber.count(2)
      await other.unsubscribe(runChannel('a'), subscriber)
      deepEqual(subscriber.data(), [round, done.message.data])
      await runs.forget('a')
    }
  },

  async 'keeps a run after its end for exactly its time'({ other, runs, others }) {
    await runs.create('a', creation('t', { key: 'k', keepMs: 30 }))
    const { run } = await runs.create('b', creation('t', { key: 'k', keepMs: longMs }))
    for (const id of ['a', 'b']) {
      await runs.append(id, 't', 0, [text('1')])
      await runs.finish(id, { token: 't' }, done)
    }
    await eventually(async () => (await others.get('a')) === undefined, 'the run is dropped at its time')
    deepEqual(
      (await runs.list('k', 10)).map(({ id }) => id),
      ['b'],
    )
    equal((await runs.create('a', creation('t2', { key: 'k' }))).created, true)
    equal((await readAll(other, 'b', run!.beginning)).data.length, 2)
  },
}
