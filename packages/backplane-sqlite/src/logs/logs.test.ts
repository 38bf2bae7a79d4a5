import { describe, expect, it } from 'vitest'
import { randomFrom } from '../../../../test-support/random.js'
import { kept, Scene, text } from '../../test/scene.js'

const seeds = Number(process.env.RIVULET_SEEDS ?? 3)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)
const weekMs = 7 * 86_400_000

interface Published {
  readonly data: string
  readonly position: number
}

describe('any history reads as a model says', () => {
  const retentions = [
    { maxEvents: 300, maxBytes: 3_000, maxAgeMs: 60_000 },
    { maxEvents: 7, maxBytes: Infinity, maxAgeMs: Infinity },
    { maxEvents: Infinity, maxBytes: 500, maxAgeMs: Infinity },
    'latest',
  ] as const
  const histories = retentions.flatMap((retention) =>
    Array.from({ length: seeds }, (_, index) => ({ retention, seed: firstSeed + index })),
  )

  it.each(histories)('retention $retention, seed $seed', async ({ retention, seed }) => {
    const random = randomFrom(seed)
    const scene = new Scene({ retention })
    const { storedPosition: origin } = scene.backplane.read('a', 0, 0)
    const logs = new Map<string, Published[]>(['a', 'b', 'c'].map((channel) => [channel, []]))
    const forgotten = new Map<string, number>()
    const some = (count: number) => Math.floor(random() * count)
    const bounds = retention === 'latest' ? { maxEvents: 1, maxBytes: Infinity, maxAgeMs: Infinity } : retention

    function visible(channel: string): Published[] {
      const all = logs.get(channel)!
      const oldest = (scene.clock.now() - bounds.maxAgeMs) * 1024
      let chars = 0
      const events = [...all].reverse().filter(({ data, position }, index) => {
        chars += data.length
        return (
          index < bounds.maxEvents &&
          chars <= bounds.maxBytes &&
          position >= oldest &&
          position > (forgotten.get(channel) ?? 0)
        )
      })
      return events.reverse()
    }

    for (let step = 0; step < 60; step++) {
      const channel = ['a', 'b', 'c'][some(3)]!
      const log = logs.get(channel)!
      const chance = random()
      if (chance < 0.45) {
        const data = Array.from({ length: 1 + some(120) }, (_, index) => `${step}.${index}${'x'.repeat(some(20))}`)
        const positions = await scene.publish(channel, data)
        for (const [index, item] of data.entries()) log.push({ data: item, position: positions[index]! })
      } else if (chance < 0.5) {
        await scene.turn(scene.backplane.forget(channel))
        forgotten.set(channel, log.at(-1)?.position ?? 0)
      } else if (chance < 0.6) scene.clock.advance(some(40_000))
      else if (chance < 0.7) scene.restart()
      else if (chance < 0.75) {
        scene.crash()
        scene.start()
      }

      const expected = visible(channel)
      const after = random() < 0.2 ? origin : (log[some(log.length)]?.position ?? origin) + some(2)
      const limit = random() < 0.3 ? 1 + some(5) : 100_000
      const { messages, continuous, lastPosition } = scene.backplane.read(channel, after, limit)
      const later = expected.filter(({ position }) => position > after)
      expect(messages.map(({ data }) => data)).toEqual(later.slice(0, limit).map(({ data }) => data))
      const missing = log.filter(({ position }) => position > after).length > later.length
      expect(continuous).toBe(!missing)
      expect(scene.backplane.read(channel, after, 0)).toMatchObject({ messages: [], continuous: !missing })
      expect(lastPosition).toBe(log.at(-1)?.position ?? origin)
      for (const { position, previous } of messages) {
        const index = log.findIndex((event) => event.position === position)
        expect(previous).toBe(log[index - 1]?.position ?? origin)
      }
      const count = 1 + some(10)
      const start = scene.backplane.seek(channel, count)
      const last = scene.backplane.read(channel, start, 100_000)
      expect(last.messages.map(({ data }) => data)).toEqual(expected.slice(-count).map(({ data }) => data))
      expect(last.continuous).toBe(true)
    }
  })
})

it('keeps little more in the file than a channel retains', async () => {
  const scene = new Scene({ retention: { maxEvents: 1_000, maxBytes: 20_000 } })
  const most =
    'SELECT max(number - floor) FROM (SELECT number, (SELECT number FROM rivulet_channels) AS floor FROM rivulet_chunks)'
  for (let turn = 0; turn < 100; turn++)
    await scene.publish(
      'a',
      Array.from({ length: 50 }, () => 'x'),
    )
  expect(scene.count(most)).toBeLessThanOrEqual(1_000 * 1.125 + 64)
  for (let turn = 0; turn < 100; turn++) await scene.publish('a', ['x'.repeat(1_000)])
  expect(scene.count('SELECT sum(length(body)) FROM rivulet_chunks')).toBeLessThanOrEqual(20_000 * 1.125 + 1_000)
})

it('drops what has expired without another publish, and the channel after a week', async () => {
  const scene = new Scene({ retention: { maxAgeMs: 60_000 } })
  for (let channel = 0; channel < 120; channel++) await scene.publish(`c${channel}`, ['1'])
  await scene.publishOnce('c0', '2', 'key')
  await sweeps(80_000, scene)
  expect(scene.count('SELECT count(*) FROM rivulet_chunks')).toBe(0)
  expect(scene.count('SELECT count(*) FROM rivulet_channels')).toBe(120)
  await sweeps(300_000, scene)
  expect(scene.count('SELECT count(*) FROM rivulet_keys')).toBe(0)
  scene.clock.sleep(weekMs)
  await sweeps(20_000, scene)
  expect(scene.count('SELECT count(*) FROM rivulet_channels')).toBe(0)
})

it('remembers the last position of a channel for a week, and for as long as somebody listens', async () => {
  const scene = new Scene({ retention: { maxAgeMs: 60_000 } })
  const subscriber = { onMessage() {}, onGap() {}, onHealth() {} }
  for (const channel of ['held', 'quiet']) scene.backplane.subscribe(channel, subscriber)
  const { storedPosition } = scene.backplane.read('quiet', 0, 0)
  const [held] = await scene.publish('held', ['1'])
  const [left] = await scene.publish('left', ['1'])
  await sweeps(80_000, scene)
  for (const [channel, position] of [
    ['held', held],
    ['left', left],
  ] as const) {
    expect(scene.read(channel, position!)).toEqual({ data: [], continuous: true })
    expect(scene.read(channel, position! - 1)).toEqual({ data: [], continuous: false, reason: 'trimmed' })
  }
  scene.clock.sleep(weekMs)
  await sweeps(20_000, scene)
  expect(scene.read('held', held!)).toEqual({ data: [], continuous: true })
  expect(scene.read('quiet', storedPosition)).toEqual({ data: [], continuous: true })
  expect(scene.read('left', left! - 1)).toMatchObject({ continuous: false, reason: 'trimmed' })
  expect(scene.read('never', storedPosition)).toMatchObject({ continuous: false, reason: 'trimmed' })
  scene.backplane.unsubscribe('quiet', subscriber)
  expect(scene.read('quiet', storedPosition)).toMatchObject({ continuous: false, reason: 'trimmed' })
})

it('lets other channels expire where the retention of one throws', async () => {
  let failing = false
  const retention = (channel: string) => {
    if (failing && channel === 'bad') throw new Error('no such channel')
    return { maxAgeMs: 60_000 }
  }
  const scene = new Scene({ retention })
  for (const channel of ['bad', 'good']) await scene.publish(channel, ['1'])
  failing = true
  scene.restart()
  const health: unknown[] = []
  scene.backplane.subscribe('good', { onMessage() {}, onGap() {}, onHealth: (error) => void health.push(error) })
  await sweeps(80_000, scene)
  expect(scene.count('SELECT count(*) FROM rivulet_chunks')).toBe(1)
  expect(health).toEqual([new Error('no such channel')])
  failing = false
  scene.clock.sleep(3_600_000)
  await sweeps(20_000, scene)
  expect(scene.count('SELECT count(*) FROM rivulet_chunks')).toBe(0)
})

it('remembers the beginning of a quiet channel through a publish that fails', async () => {
  const scene = new Scene({ retention: { maxAgeMs: 60_000 } })
  const subscriber = { onMessage() {}, onGap() {}, onHealth() {} }
  scene.backplane.subscribe('quiet', subscriber)
  const { storedPosition } = scene.backplane.read('quiet', 0, 0)
  await scene.publish('other', ['1'])
  // The other channel is dropped: those that nobody subscribes to begin only after it.
  scene.clock.sleep(weekMs + 60_000)
  await sweeps(20_000, scene)
  scene.database.exec(`PRAGMA max_page_count = ${scene.count('PRAGMA page_count')}`)
  const large = scene.backplane.publish('quiet', text('x'.repeat(200_000)), kept)
  await expect(scene.turn(large)).rejects.toMatchObject({ problem: 'full' })
  expect(scene.read('quiet', storedPosition)).toEqual({ data: [], continuous: true })
})

it('reads as of one time, however long that takes', async () => {
  const scene = new Scene({ retention: { maxAgeMs: 60_000 } })
  const count = 100
  for (let index = 0; index < count; index++) {
    scene.clock.advance(1)
    await scene.publish('a', [String(index)])
  }
  scene.clock.sleep(60_000 - count)
  const now = scene.clock.now.bind(scene.clock)
  let looks = 0
  scene.clock.now = () => now() + looks++
  expect(scene.backplane.read('a', 0, 1_000).messages.at(-1)).toMatchObject({ data: String(count - 1) })
})

it('drops runs some time after their end, with their events', async () => {
  const scene = new Scene()
  const { runs } = scene.backplane
  const creation = { token: 't', key: undefined, leaseMs: 1_000, keepMs: 30_000, maxBytes: 1_000, maxRunning: 1 }
  for (let run = 0; run < 120; run++) {
    await scene.turn(runs.create(`r${run}`, creation))
    await scene.turn(runs.append(`r${run}`, 't', 0, [text('1')]))
    if (run === 0) continue
    await scene.turn(runs.finish(`r${run}`, 'anyone', { state: 'done', reason: undefined, message: text('end') }))
  }
  await sweeps(50_000, scene)
  expect(scene.count('SELECT count(*) FROM rivulet_runs')).toBe(1)
  expect(scene.count('SELECT count(*) FROM rivulet_chunks')).toBe(1)
  expect(scene.count('SELECT count(*) FROM rivulet_channels')).toBe(1)
})

it('keeps in memory only what it needs', async () => {
  const scene = new Scene()
  const subscriber = { onMessage() {}, onGap() {}, onHealth() {} }
  for (let channel = 0; channel < 100; channel++) {
    scene.backplane.subscribe(`own-${channel}`, subscriber)
    scene.backplane.unsubscribe(`own-${channel}`, subscriber)
  }
  await scene.turn(scene.backplane.publish('live', text('1'), { retain: false }))
  await scene.turn(scene.backplane.publish('kept', text('1'), kept))
  expect(scene.count('SELECT count(*) FROM rivulet_channels')).toBe(1)
})

/** Lets time pass with the sweeper, which waits for its own steps. */
async function sweeps(ms: number, scene: Scene): Promise<void> {
  for (const end = scene.clock.now() + ms; scene.clock.now() < end; ) {
    scene.clock.advance(1_000)
    for (let step = 0; step < 5; step++) await scene.turn(undefined)
  }
}
