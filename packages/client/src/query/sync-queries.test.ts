import { describe, expect, onTestFinished, test } from 'vitest'
import { type Board, BoardWorld, type Key, settled } from '../../test/board-world.js'
import { ConfigurationError } from '../index.js'
import { queryRule } from './query-rule.js'
import { syncQueries } from './sync-queries.js'

const a: Key = ['board', 'a']
const b: Key = ['board', 'b']
const count: Key = ['count']
const sum: Key = ['sum', 'b']

function createWorld(options?: ConstructorParameters<typeof BoardWorld>[0]): BoardWorld {
  const world = new BoardWorld(options)
  onTestFinished(() => world.dispose())
  return world
}

/** A page that a server has rendered: its queries have data, and the stream begins at their cursor. */
async function renderedPage(shown: readonly Key[], options: { bufferSize?: number } = {}): Promise<BoardWorld> {
  const world = createWorld({ lastEventId: (1_000).toString(36), ...options })
  for (const key of shown) {
    world.queryClient.setQueryData([...key], world.read(key))
    world.observe(key)
  }
  await settled()
  return world
}

describe('a page that a server has rendered', () => {
  test('shows what happened before it connected, without a fetch', async () => {
    const world = await renderedPage([a, b])
    world.commit('a')
    await world.connect()
    world.commit('a')
    await world.deliver()
    await world.flush()
    expect(world.shown(a)).toEqual({ items: [0, 1] })
    expect(world.queryClient.getQueryData<Board>([...a])!.cursor).toBe((1_002).toString(36))
    expect(world.fetched).toEqual([])
  })

  test('fetches if its stream does not begin at its cursor', async () => {
    const world = createWorld()
    world.queryClient.setQueryData([...a], world.read(a))
    world.observe(a)
    world.commit('a')
    await world.connect()
    await world.flush()
    await world.answerAll()
    expect(world.shown(a)).toEqual({ items: [0] })
    expect(world.fetched).toEqual(['board,a'])
  })

  test('does not fetch data without a cursor again and again', async () => {
    const world = await renderedPage([count])
    await world.connect()
    for (let round = 0; round < 3; round++) {
      await world.flush()
      await world.answerAll()
    }
    expect(world.fetched).toEqual(['count'])
  })
})

describe('a first fetch', () => {
  test('is enough if the server read its data after the stream had begun', async () => {
    const world = createWorld()
    world.observe(a)
    await world.connect()
    world.commit('a')
    await world.answerAll()
    await world.deliver()
    await world.flush()
    expect(world.shown(a)).toEqual({ items: [0] })
    expect(world.fetched).toEqual(['board,a'])
  })

  test('is repeated if the server had read its data before', async () => {
    const world = createWorld()
    world.observe(a)
    await settled()
    world.pending[0]!.data = world.read(a)
    world.commit('a')
    await world.connect()
    await world.answerAll()
    await world.flush()
    await world.answerAll()
    expect(world.shown(a)).toEqual({ items: [0] })
    expect(world.fetched).toEqual(['board,a', 'board,a'])
  })
})

describe('an event', () => {
  test('is not undone by an answer that is older', async () => {
    const world = await renderedPage([a])
    await world.connect()
    void world.queryClient.refetchQueries({ queryKey: [...a] })
    await settled()
    world.pending[0]!.data = world.read(a)
    world.commit('a')
    await world.deliver()
    await world.flush()
    const seen: unknown[] = []
    const stop = world.queryClient.getQueryCache().subscribe(({ type }) => {
      // The view of components: they are told after the cache's own listeners.
      if (type === 'observerResultsUpdated') queueMicrotask(() => seen.push(world.shown(a)))
    })
    await world.answerAll()
    stop()
    expect(world.shown(a)).toEqual({ items: [0] })
    expect(new Set(seen.map((data) => JSON.stringify(data)))).toEqual(new Set(['{"items":[0]}']))
    expect(world.fetched).toHaveLength(1)
  })

  test('is not applied to an answer that includes it', async () => {
    const world = await renderedPage([a])
    await world.connect()
    world.commit('a')
    void world.queryClient.refetchQueries({ queryKey: [...a] })
    await world.answerAll()
    await settled()
    await world.answerAll()
    await world.deliver()
    await world.flush()
    expect(world.shown(a)).toEqual({ items: [0] })
  })

  test('survives data that the application puts back', async () => {
    const world = await renderedPage([a])
    await world.connect()
    const before = world.queryClient.getQueryData<Board>([...a])!
    world.queryClient.setQueryData([...a], { ...before, items: [-1] })
    world.commit('a')
    await world.deliver()
    await world.flush()
    expect(world.shown(a)).toEqual({ items: [-1, 0] })
    world.queryClient.setQueryData([...a], before)
    expect(world.shown(a)).toEqual({ items: [0] })
    expect(world.fetched).toEqual([])
  })

  test('makes a query without a patch fetch once, however many there are', async () => {
    const world = await renderedPage([sum])
    await world.connect()
    for (let n = 0; n < 20; n++) world.commit('b')
    await world.deliver(10)
    await world.flush()
    await world.deliver()
    await world.flush()
    expect(world.fetched).toEqual(['sum,b'])
    await world.answerAll()
    await world.flush()
    expect(world.shown(sum)).toEqual({ sum: 20 })
    expect(world.fetched).toEqual(['sum,b'])
  })

  test('makes a query without a patch fetch no more if a fetch begins before the next frame', async () => {
    const world = await renderedPage([sum])
    await world.connect()
    world.commit('b')
    await world.deliver()
    void world.queryClient.refetchQueries({ queryKey: [...sum] })
    await world.flush()
    await world.answerAll()
    await world.flush()
    expect(world.shown(sum)).toEqual({ sum: 1 })
    expect(world.fetched).toEqual(['sum,b'])
  })

  test('still makes a query fetch if another fetch was cancelled before the next frame', async () => {
    const world = await renderedPage([sum])
    await world.connect()
    world.commit('b')
    await world.deliver()
    void world.queryClient.refetchQueries({ queryKey: [...sum] })
    await world.queryClient.cancelQueries({ queryKey: [...sum] })
    await world.flush()
    await world.answerAll()
    expect(world.shown(sum)).toEqual({ sum: 1 })
  })

  test.each(['live', 'garbled'] as const)(
    'without a position or a readable payload makes its queries fetch: %s',
    async (form) => {
      const world = await renderedPage([a])
      await world.connect()
      const page = world.read(a)
      world.commit('a', form)
      await world.deliver()
      // A page from before it proves nothing.
      world.queryClient.setQueryData([...a], page)
      await world.flush()
      await world.answerAll()
      expect(world.shown(a)).toEqual({ items: [0] })
      expect(world.fetched).toEqual(['board,a'])
    },
  )

  test('does not end an invalidation', async () => {
    const world = await renderedPage([a])
    world.leave(a)
    await world.connect()
    await world.queryClient.invalidateQueries({ queryKey: [...a] })
    world.commit('a')
    await world.deliver()
    await world.flush()
    expect(world.queryClient.getQueryState([...a])!.isInvalidated).toBe(true)
    world.observe(a)
    await settled()
    expect(world.fetched).toEqual(['board,a'])
  })

  test('makes a query whose fetch had failed try again', async () => {
    const world = await renderedPage([a])
    await world.connect()
    await world.lose(0)
    await world.flush()
    await world.answer(world.pending[0]!, new Error('down'))
    await world.flush()
    expect(world.fetched).toHaveLength(1)
    world.commit('a')
    await world.deliver()
    await world.flush()
    await world.answerAll()
    expect(world.shown(a)).toEqual({ items: [0] })
    expect(world.fetched).toHaveLength(2)
  })
})

describe('more events than are kept', () => {
  test('are all shown', async () => {
    const world = await renderedPage([a], { bufferSize: 3 })
    await world.connect()
    for (let n = 0; n < 10; n++) world.commit('a')
    await world.deliver()
    await world.flush()
    expect(world.shown(a)).toEqual(world.expected(a))
    expect(world.fetched).toEqual([])
  })

  test('make an older answer worthless', async () => {
    const world = createWorld({ bufferSize: 2 })
    await world.connect()
    world.observe(a)
    await settled()
    world.pending[0]!.data = world.read(a)
    for (let n = 0; n < 3; n++) world.commit('a')
    await world.deliver()
    await world.answerAll()
    await world.flush()
    await world.answerAll()
    expect(world.shown(a)).toEqual({ items: [0, 1, 2] })
    expect(world.fetched).toHaveLength(2)
  })

  test('make older data that the application puts back worthless', async () => {
    const world = await renderedPage([a], { bufferSize: 2 })
    await world.connect()
    const before = world.queryClient.getQueryData([...a])
    for (let n = 0; n < 3; n++) world.commit('a')
    await world.deliver()
    await world.flush()
    world.queryClient.setQueryData([...a], before)
    await world.flush()
    await world.answerAll()
    expect(world.shown(a)).toEqual({ items: [0, 1, 2] })
  })
})

describe('a gap', () => {
  test('makes exactly the queries of its channel fetch, and those of all channels', async () => {
    const world = await renderedPage([a, b, sum, count])
    await world.connect()
    await world.flush()
    await world.answerAll()
    world.fetched.length = 0
    world.commit('b')
    await world.lose(1, 'b')
    await world.flush()
    expect(world.fetched.sort()).toEqual(['board,b', 'count', 'sum,b'])
    await world.answerAll()
    await world.flush()
    for (const key of [a, b, sum, count]) expect(world.shown(key)).toEqual(world.expected(key))
    expect(world.fetched).toHaveLength(3)
  })

  test('without a channel makes all of them fetch', async () => {
    const world = await renderedPage([a, b])
    await world.connect()
    world.commit('a')
    await world.lose(1)
    await world.flush()
    expect(world.fetched.sort()).toEqual(['board,a', 'board,b'])
  })

  test('during a fetch lets it end, and fetches once more', async () => {
    const world = await renderedPage([a])
    await world.connect()
    void world.queryClient.refetchQueries({ queryKey: [...a] })
    await settled()
    world.pending[0]!.data = world.read(a)
    world.commit('a')
    await world.lose(1, 'a')
    await world.flush()
    expect(world.pending).toHaveLength(1)
    await world.answerAll()
    await world.flush()
    await world.answerAll()
    expect(world.shown(a)).toEqual({ items: [0] })
    expect(world.fetched).toHaveLength(2)
  })
})

describe('functions of a rule', () => {
  test.each([
    { name: 'a patch that throws', functions: { patch: fail }, count: 1 },
    { name: 'a patch that gives up', functions: { patch: () => undefined }, count: 0 },
    { name: 'concerns', functions: { concerns: () => Boolean(fail()) }, count: 1 },
  ])('that fail make the query fetch: $name', async ({ functions, count }) => {
    const world = await renderedPage([])
    const errors: unknown[] = []
    world.stream.onError((error, { stage }) => stage === 'reducer' && errors.push(error))
    const rules = [queryRule({ queryKey: ['board'], events: Object.values(world.stream.contract!), ...functions })]
    onTestFinished(syncQueries({ stream: world.stream, queryClient: world.queryClient, rules }))
    world.queryClient.setQueryData([...b], world.read(b))
    world.observe(b)
    await world.connect()
    world.commit('a')
    await world.deliver()
    await world.flush()
    expect(world.fetched).toEqual(['board,b'])
    expect(errors).toHaveLength(count)
  })
})

test('options are checked', () => {
  const world = createWorld()
  const { stream, queryClient } = world
  expect(() => syncQueries({ stream, queryClient, rules: [], bufferSize: -1 })).toThrow(ConfigurationError)
})

test('nothing happens after it was stopped', async () => {
  const world = await renderedPage([a])
  await world.connect()
  world.commit('a')
  await world.deliver()
  world.dispose()
  await world.flush()
  expect(world.fetched).toEqual([])
})

function fail(): undefined {
  throw new Error('mistake')
}
