import { defineEvents, EventValidationError } from '@rivulet/core'
import { expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createHarness, type Harness } from '../../test/harness.js'
import type { Backplane } from '../backplane/backplane.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { runChannel } from '../backplane/run-store.js'
import type { Producing } from './producer.js'
import { RunManager, type RunManagerOptions } from './run-manager.js'

const events = defineEvents({ token: z.object({ text: z.string() }), usage: z.object({ tokens: z.number() }) })
type Events = typeof events
type Work = (producing: Producing<Events>) => Promise<void>

/** A node: a manager with its runs. Several may share a backplane, and the clock of the first one. */
function createNode(
  options: Partial<RunManagerOptions<Events>> = {},
  { backplane, seed = 1 }: { backplane?: Backplane; seed?: number } = {},
) {
  const harness: Harness<Events> = createHarness({ events, backplane }, seed)
  const runs = new RunManager({ manager: harness.manager, ...options })
  return { ...harness, runs }
}

/** The events that a run has on its channel. */
function outputOf(backplane: MemoryBackplane, id: string): string[] {
  const { messages } = backplane.read(runChannel(id), 0, 1_000)
  return messages.map(({ type, data }) => {
    const { timestamp: _, source: __, ...rest } = JSON.parse(data)
    return `${type} ${JSON.stringify(rest)}`
  })
}

function shared(options: Partial<RunManagerOptions<Events>> = {}) {
  const first = createHarness({ events })
  const backplane = new MemoryBackplane({ clock: first.clock })
  const node = (seed: number) => {
    const harness = createHarness({ events, backplane, clock: first.clock }, seed)
    return { ...harness, runs: new RunManager({ manager: harness.manager, ...options }) }
  }
  return { backplane, clock: first.clock, calm: first.calm, one: node(1), other: node(2) }
}

it('runs a producer to its end, with or without readers', async () => {
  const { backplane, one, calm } = shared()
  const run = await one.runs.start('a', { key: 'ada' }, async ({ publish, id, signal }) => {
    await publish('token', { text: `${id} ${signal.aborted}` })
    await publish(events.usage, { tokens: 1 })
  })
  expect(run).toMatchObject({ id: 'a', key: 'ada', state: 'running', started: true })
  await run.finished
  await calm()
  expect(outputOf(backplane, 'a')).toEqual([
    'token {"text":"a false"}',
    'usage {"tokens":1}',
    'rivulet:end {"state":"done"}',
  ])
  expect(await one.runs.get('a')).toMatchObject({ id: 'a', key: 'ada', state: 'done', reason: undefined })
  expect(one.errors).toEqual([])
})

it('turns items from generators, iterables and streams into events', async () => {
  const { backplane, one } = shared()
  async function* words() {
    yield 'one'
    yield 'two'
  }
  const map = (text: string) => (text === 'two' ? undefined : [{ type: 'token' as const, payload: { text } }])
  const stream = new ReadableStream<string>({
    start(controller) {
      for (const text of ['one', 'two', 'three']) controller.enqueue(text)
      controller.close()
    },
  })
  const started = [
    await one.runs.start('a', {}, async function* () {
      yield { type: 'token' as const, payload: { text: 'event' } }
    }),
    await one.runs.start('b', { map }, words()),
    await one.runs.start('c', { map }, stream),
    await one.runs.start('d', { map }, async () => words()),
  ]
  for (const { finished } of started) await finished
  const end = 'rivulet:end {"state":"done"}'
  expect(outputOf(backplane, 'a')).toEqual(['token {"text":"event"}', end])
  expect(outputOf(backplane, 'b')).toEqual(['token {"text":"one"}', end])
  expect(outputOf(backplane, 'c')).toEqual(['token {"text":"one"}', 'token {"text":"three"}', end])
  expect(outputOf(backplane, 'd')).toEqual(['token {"text":"one"}', end])
})

it('never starts the same id twice, on any node', async () => {
  const { one, other, calm } = shared()
  const producer = vi.fn<Work>(async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
  })
  const started = await Promise.all([one, one, other, other].map(({ runs }) => runs.start('a', {}, producer)))
  await calm()
  expect(producer).toHaveBeenCalledTimes(1)
  expect(started.filter(({ started }) => started)).toHaveLength(1)
  expect(new Set(started.map(({ startedAt }) => startedAt)).size).toBe(1)
  await other.runs.stop('a')
  await Promise.all(started.map(({ finished }) => finished))
  expect(await one.runs.start('a', {}, producer)).toMatchObject({ started: false, state: 'stopped' })
})

it('stops a run on any node: the signal aborts, published events stay, nothing follows', async () => {
  const { backplane, one, other, calm } = shared()
  let late: unknown
  const run = await one.runs.start('a', {}, async ({ publish, signal }) => {
    await publish('token', { text: 'kept' })
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    late = await publish('token', { text: 'late' }).catch((error: unknown) => error)
    throw signal.reason
  })
  await calm()
  expect(await other.runs.stop('a', 'user')).toBe(true)
  expect(await one.runs.stop('a', 'again')).toBe(false)
  expect(await one.runs.stop('unknown')).toBe(false)
  await run.finished
  await calm()
  expect(late).toMatchObject({ code: 'RIVULET_RUN_ENDED', id: 'a', state: 'stopped', reason: 'user' })
  expect(outputOf(backplane, 'a')).toEqual(['token {"text":"kept"}', 'rivulet:end {"state":"stopped","reason":"user"}'])
  expect(one.errors).toEqual([])
})

it.each<[name: string, producer: unknown, reason: string]>([
  [
    'throws',
    () => {
      throw new Error('secret')
    },
    'error',
  ],
  [
    'rejects',
    async () => {
      throw new Error('secret')
    },
    'error',
  ],
  ['rejects with nothing', () => Promise.reject(), 'error'],
  [
    'throws a proxy',
    () => {
      throw new Proxy(
        {},
        {
          get() {
            throw new Error('trap')
          },
          getPrototypeOf() {
            throw new Error('trap')
          },
          has() {
            throw new Error('trap')
          },
        },
      )
    },
    'error',
  ],
  [
    'has a then that throws',
    () =>
      Object.defineProperty({}, 'then', {
        get() {
          throw new Error('secret')
        },
      }),
    'error',
  ],
  [
    'gives items that are no events',
    async function* () {
      yield 'text'
    },
    'error',
  ],
  [
    'gives an iterable that fails',
    () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new Error('secret')),
        return() {
          throw new Error('also')
        },
      }),
    }),
    'error',
  ],
  ['publishes what is invalid', ({ publish }: Producing<Events>) => publish('token', { text: 1 as never }), 'error'],
])('ends a run as failed whose producer %s, and reports why', async (_, producer, reason) => {
  const { backplane, one, calm } = shared()
  const { finished } = await one.runs.start('a', {}, producer as never)
  await finished
  await calm()
  expect(outputOf(backplane, 'a')).toEqual([`rivulet:end {"state":"failed","reason":"${reason}"}`])
  expect(one.errors).toHaveLength(1)
  expect(one.errors[0]!.context).toMatchObject({ stage: 'run', run: 'a' })
})

it('passes the application’s reason on to readers', async () => {
  const { one } = shared()
  const { RunFailure } = await import('./errors.js')
  const cause = new Error('secret')
  const { finished } = await one.runs.start('a', {}, () => {
    throw new RunFailure('no quota', { cause })
  })
  await finished
  expect(await one.runs.get('a')).toMatchObject({ state: 'failed', reason: 'no quota' })
  expect(one.errors).toMatchObject([{ error: { cause } }])
})

it('reports a failed publish that nobody awaits, and the process lives', async () => {
  const { backplane, one, calm } = shared()
  const { finished } = await one.runs.start('a', {}, ({ publish }) => {
    void publish('token', { text: 'fine' })
    void publish('token', { text: 1 as never })
  })
  await finished
  await calm()
  expect(outputOf(backplane, 'a')).toEqual(['token {"text":"fine"}', 'rivulet:end {"state":"done"}'])
  expect(one.errors).toMatchObject([{ error: { code: EventValidationError.code }, context: { stage: 'run' } }])
})

it('fails a run whose output cannot be stored, also if nobody awaits it', async () => {
  const { backplane, one, clock, calm } = shared({ leaseMs: 3_000 })
  vi.spyOn(backplane.runs, 'append').mockImplementation(() => {
    throw new Error('unavailable')
  })
  const { finished } = await one.runs.start('a', {}, ({ publish }) => void publish('token', { text: 'lost' }))
  for (let step = 0; step < 10; step++) {
    clock.advance(500)
    await calm()
  }
  await finished
  expect(await one.runs.get('a')).toMatchObject({ state: 'failed', reason: 'error' })
  expect(one.errors).toMatchObject([{ error: { message: 'unavailable' }, context: { stage: 'run', run: 'a' } }])
})

it('ends a run at its timeout if the producer never settles', async () => {
  const { one, clock, calm } = shared({ timeoutMs: 60_000 })
  let aborted: unknown
  const { finished } = await one.runs.start('a', {}, ({ signal }) => {
    signal.addEventListener('abort', () => {
      aborted = signal.reason
    })
    return new Promise(() => {})
  })
  for (let second = 0; second < 61; second++) {
    clock.advance(1_000)
    await calm()
  }
  await finished
  expect(await one.runs.get('a')).toMatchObject({ state: 'failed', reason: 'timeout' })
  expect(aborted).toMatchObject({ code: 'RIVULET_RUN_TIMEOUT', timeoutMs: 60_000 })
  expect(one.errors).toMatchObject([{ error: { code: 'RIVULET_RUN_TIMEOUT' } }])
})

it('keeps its lease as long as it lives', async () => {
  const { one, other, clock, calm } = shared({ timeoutMs: Infinity, leaseMs: 3_000 })
  await one.runs.start('a', {}, () => new Promise(() => {}))
  await other.runs.start('b', {}, () => {})
  for (let second = 0; second < 60; second++) {
    clock.advance(1_000)
    await calm()
  }
  expect(await other.runs.get('a')).toMatchObject({ state: 'running' })
})

it('limits the running runs of a key', async () => {
  const { one, other } = shared({ maxRunningPerKey: 1 })
  await one.runs.start('a', { key: 'ada' }, () => new Promise(() => {}))
  await expect(other.runs.start('b', { key: 'ada' }, () => {})).rejects.toMatchObject({
    code: 'RIVULET_TOO_MANY_RUNS',
    key: 'ada',
  })
  await other.runs.start('c', { key: 'bob' }, () => {})
  await one.runs.stop('a')
  await other.runs.start('d', { key: 'ada' }, () => {})
  expect((await one.runs.list({ key: 'ada' })).map(({ id }) => id)).toEqual(['d', 'a'])
  expect(await one.runs.list({ key: 'ada', limit: 1 })).toHaveLength(1)
})

it('stops a run before it forgets it', async () => {
  const { one, other, calm } = shared()
  let signal: AbortSignal | undefined
  await one.runs.start('a', { key: 'ada' }, async (producing) => {
    signal = producing.signal
    await new Promise(() => {})
  })
  await other.runs.forget('a')
  await calm()
  expect(signal!.reason).toMatchObject({ state: 'stopped', reason: 'forgotten' })
  expect(await one.runs.get('a')).toBeUndefined()
  expect(await one.runs.list({ key: 'ada' })).toEqual([])
  await other.runs.forget('unknown')
})

it('closes: starts nothing new, waits for its producers, and ends the rest', async () => {
  const { one, other, clock, calm } = shared()
  let finish = () => {}
  await one.runs.start(
    'fast',
    {},
    () =>
      new Promise<void>((resolve) => {
        finish = resolve
      }),
  )
  await one.runs.start('slow', {}, () => new Promise(() => {}))
  const closed = one.runs.close({ graceMs: 5_000 })
  await expect(one.runs.start('b', {}, () => {})).rejects.toMatchObject({ code: 'RIVULET_MANAGER_CLOSED' })
  finish()
  await calm()
  expect(await other.runs.get('slow')).toMatchObject({ state: 'running' })
  clock.advance(5_000)
  await calm()
  await closed
  expect(await other.runs.get('fast')).toMatchObject({ state: 'done' })
  expect(await other.runs.get('slow')).toMatchObject({ state: 'failed', reason: 'shutdown' })
  expect(one.errors).toEqual([])
  await other.runs.close()
})

it('refuses invalid options', async () => {
  const { manager, runs } = createNode()
  const code = 'RIVULET_CONFIGURATION'
  for (const options of [
    { leaseMs: 0 },
    { leaseMs: Infinity },
    { keepMs: -1 },
    { timeoutMs: NaN },
    { maxBytes: '1' },
    { maxRunningPerKey: 0 },
  ]) {
    expect(() => new RunManager({ manager, ...(options as object) })).toThrow(expect.objectContaining({ code }))
  }
  const bare = { ...new MemoryBackplane(), runs: undefined } as never
  expect(() => createNode({}, { backplane: bare })).toThrow(expect.objectContaining({ code }))
  await expect(runs.start('', {}, () => {})).rejects.toMatchObject({ code, option: 'id' })
  await expect(runs.start('half \ud800', {}, () => {})).rejects.toMatchObject({ code, option: 'id' })
  await expect(runs.start('a', { key: '' }, () => {})).rejects.toMatchObject({ code, option: 'key' })
  await expect(runs.start('a', {}, ['token'] as never)).rejects.toMatchObject({ code, option: 'producer' })
  await expect(runs.stop('a', '')).rejects.toMatchObject({ code, option: 'reason' })
  await expect(runs.list({ key: 1 as never })).rejects.toMatchObject({ code, option: 'key' })
  expect(() => runs.close({ graceMs: -1 })).toThrow(expect.objectContaining({ code }))
})
