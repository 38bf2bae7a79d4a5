import { describe, expect, it } from 'vitest'
import { randomFrom } from '../../../../test-support/random.js'
import { type Board, BoardWorld, boardNames, type Key, keys } from '../../test/board-world.js'

/** Random schedules of changes, deliveries, gaps, fetches and the application's own writes; `npm run test:long` plays 20,000. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 150)
const steps = 60

interface Outcome {
  /** Queries that did not show the server's state in the end. */
  readonly wrong: readonly string[]
  /** The most fetches that a query needed in the end, beside the one that was under way. */
  readonly fetches: number
}

async function play(seed: number): Promise<Outcome> {
  const random = randomFrom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T
  const world = new BoardWorld({
    // A page that a server has rendered begins at its cursor.
    lastEventId: random() < 0.5 ? (1_000).toString(36) : '',
    ...(random() < 0.3 && { bufferSize: 1 + below(4) }),
  })
  const { queryClient } = world
  const boards = keys.filter(([kind]) => kind === 'board' || kind === 'local')
  /** States that the server once rendered, and data to which the application will go back. */
  const rendered: { key: Key; data: unknown }[] = []
  const optimistic = new Map<Key, Board>()

  const rollBack = (key: Key) => {
    queryClient.setQueryData([...key], optimistic.get(key))
    optimistic.delete(key)
  }
  const actions: readonly [weight: number, act: () => unknown][] = [
    [10, () => world.commit(pick(boardNames))],
    [1, () => world.commit(pick(boardNames), pick(['live', 'garbled'] as const))],
    [10, () => world.deliver(1 + below(3))],
    [2, () => world.lose(1 + below(3))],
    [2, () => world.lose(1 + below(3), pick(boardNames))],
    [2, () => world.drop()],
    [4, () => world.isConnected || world.connect({ lossy: random() < 0.2 })],
    [0.3, () => world.restart()],
    [8, () => world.flush()],
    [3, () => world.observe(pick(keys))],
    [2, () => world.leave(pick(keys))],
    [4, () => void queryClient.refetchQueries({ queryKey: [...pick(keys)] }, { cancelRefetch: random() < 0.5 })],
    [1, () => void queryClient.invalidateQueries({ queryKey: [...pick(keys)] })],
    [1, () => queryClient.cancelQueries({ predicate: ({ state }) => state.data !== undefined })],
    [0.5, () => queryClient.removeQueries({ queryKey: [...pick(keys)], type: 'inactive' })],
    [
      5,
      () => {
        const fetch = pick(world.pending)
        if (fetch) fetch.data ??= world.read(fetch.key)
      },
    ],
    [
      8,
      () =>
        world.pending.length > 0 && world.answer(pick(world.pending), random() < 0.1 ? new Error('down') : undefined),
    ],
    [
      2,
      () => {
        const key = pick(boards)
        rendered.push({ key, data: world.read(key) })
      },
    ],
    [
      1,
      () => {
        const page = pick(rendered)
        if (page && !optimistic.has(page.key)) queryClient.setQueryData([...page.key], page.data)
      },
    ],
    [
      1,
      () => {
        const key = pick(boards)
        const data = queryClient.getQueryData<Board>([...key])
        if (!data || optimistic.has(key)) return
        optimistic.set(key, data)
        queryClient.setQueryData([...key], { ...data, items: [...data.items, -1] })
      },
    ],
    [2, () => optimistic.size > 0 && rollBack(pick([...optimistic.keys()]))],
  ]
  const total = actions.reduce((sum, [weight]) => sum + weight, 0)
  const next = () => {
    let at = random() * total
    for (const [weight, act] of actions) {
      at -= weight
      if (at < 0) return act
    }
    throw new Error('unreachable')
  }

  try {
    for (let step = 0; step < steps; step++) await next()()
    // The end: everything is delivered, and nothing fails any more.
    for (const key of [...optimistic.keys()]) rollBack(key)
    for (const key of keys) world.observe(key)
    if (!world.isConnected) await world.connect()
    // A query whose fetch has failed tries again with the next event.
    for (const board of boardNames) world.commit(board)
    await world.deliver()
    world.fetched.length = 0
    for (let round = 0; round < 10; round++) {
      await world.flush()
      await world.answerAll()
    }
    const counts = keys.map((key) => world.fetched.filter((name) => name === key.join()).length)
    const wrong = keys.filter((key) => JSON.stringify(world.shown(key)) !== JSON.stringify(world.expected(key)))
    return { wrong: wrong.map((key) => key.join()), fetches: Math.max(...counts) }
  } finally {
    world.dispose()
  }
}

describe('random schedules', () => {
  it('end with the state of the server, after one fetch', { timeout: 3_600_000 }, async () => {
    const only = Number(process.env.RIVULET_SEED)
    const played = only ? [only] : Array.from({ length: seeds }, (_, index) => index + 1)
    const failures: unknown[] = []
    for (const seed of played) {
      const outcome = await play(seed)
      if (outcome.wrong.length > 0 || outcome.fetches > 1) failures.push({ seed, ...outcome })
    }
    expect(failures).toEqual([])
  })
})
