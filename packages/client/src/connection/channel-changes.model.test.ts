import { describe, expect, it } from 'vitest'
import { randomFrom } from '../../../../test-support/random.js'
import { ChannelWorld, type PostFate, settled } from '../../test/channel-world.js'

/** Random schedules of changes, events, breaks and answers that come late, twice or never; `npm run test:long` plays 20,000. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 60)
const steps = 120
const names = ['a', 'b', 'c', 'd'] as const

async function play(seed: number): Promise<readonly string[]> {
  const random = randomFrom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T
  const some = () => names.filter(() => random() < 0.5)
  const trims = random() < 0.3
  const joins = random() < 0.3
  const world = new ChannelWorld({
    history: pick([0, 3, 1_000, 'snapshot'] as const),
    keep: trims ? 5 : 1_000_000,
    maps: random() < 0.3,
    async: random() < 0.3,
    channels: random() < 0.7 ? some() : undefined,
  })
  const { stream, clock } = world
  clock.random = random
  world.fate = {
    request: () => (random() < 0.1 ? 'lost' : random() < 0.1 ? 503 : 'ok'),
    post: () => (random() < 0.5 ? 'ok' : pick<PostFate>(['lost', 'unanswered', 'late', 'twice', 503, 404, 403])),
  }
  const channels = () => [...names.map((name) => world.channelOf(name)), 'user', 'joined']
  let set: Promise<unknown> = Promise.resolve()
  const change = (next: readonly string[]) => {
    set = world.set(next)
  }
  const actions: readonly [weight: number, act: () => unknown][] = [
    [12, () => world.publish(pick(channels()))],
    [2, () => world.publish(pick(channels()), false)],
    [12, () => world.work()],
    [12, () => world.deliver(1 + below(4))],
    [3, () => change(some())],
    [1, () => change(world.wanted ?? [])],
    [2, () => world.drop()],
    [3, () => clock.advance(random() < 0.3 ? 12_000 : 1_500)],
    [2, () => world.late.splice(below(world.late.length), 1)[0]?.()],
    [0.7, () => stream.reconnect()],
    [
      0.7,
      () => {
        stream.close()
        stream.connect()
      },
    ],
    [joins ? 1 : 0, () => world.join('joined')],
    [joins ? 1 : 0, () => world.leave('joined')],
  ]
  const total = actions.reduce((sum, [weight]) => sum + weight, 0)
  const next = () => {
    let at = random() * total
    return actions.find(([weight]) => {
      at -= weight
      return at < 0
    })![1]
  }
  const rest = async () => {
    for (let round = 0; round < 400; round++) {
      world.work()
      await world.deliver()
      if (!world.isOpen || round % 20 === 0) clock.advance(3_000)
      await settled()
    }
  }
  stream.connect()
  try {
    for (let step = 0; step < steps; step++) {
      await next()()
      await settled()
    }
    world.fate = { request: () => 'ok', post: () => 'ok' }
    // A refused change may have taken back the last set.
    const last = some()
    change(last)
    await rest()
    for (const channel of channels()) world.publish(channel)
    await rest()
    world.checkEnd([...new Set([...world.given, ...last.map((name) => world.channelOf(name))])])
    const isSettled = await Promise.race([set.then(() => true), settled().then(() => false)])
    if (!isSettled) world.problems.push('the promise of the last change is pending')
    if (!trims && !joins && world.gaps > 0) world.problems.push('a gap was told where the server has everything')
    return world.problems
  } finally {
    stream.close()
  }
}

describe('random schedules', () => {
  it('give each channel’s events once and in order, or a gap', { timeout: 3_600_000 }, async () => {
    const only = Number(process.env.RIVULET_SEED)
    const played = only ? [only] : Array.from({ length: seeds }, (_, index) => index + 1)
    const failures: unknown[] = []
    for (const seed of played) {
      const problems = await play(seed)
      if (problems.length > 0) failures.push({ seed, problems: problems.slice(0, 3) })
    }
    expect(failures.length, JSON.stringify(failures.slice(0, 50), undefined, 1)).toBe(0)
  })
})
