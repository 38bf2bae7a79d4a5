import { expect, it } from 'vitest'
import { randomFrom } from '../../../../test-support/random.js'
import { NodeLink } from '../../test/node-link.js'
import { type RunEvents, runEvents } from '../../test/runs.js'
import { SimulatedClock, settle } from '../../test/simulation.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { runChannel } from '../backplane/run-store.js'
import { EventManager } from '../event-manager.js'
import type { Producing } from './producer.js'
import { RunManager } from './run-manager.js'

const leaseMs = 15_000

function create() {
  const clock = new SimulatedClock(randomFrom(1))
  const backplane = new MemoryBackplane({ clock })
  const node = () => {
    const link = new NodeLink(clock, backplane)
    const errors: unknown[] = []
    const onError = (error: unknown) => errors.push(error)
    const manager = new EventManager({ events: runEvents, clock: link.clock, backplane: link.backplane, onError })
    return { link, errors, runs: new RunManager({ manager, leaseMs }) }
  }
  const turns = async () => {
    for (let turn = 0; turn < 12; turn++) {
      await settle()
      clock.turn()
    }
  }
  const pass = async (ms: number, stepMs = 100) => {
    for (let left = ms; left > 0; left -= stepMs) {
      clock.advance(stepMs)
      await turns()
    }
  }
  const ends = () => backplane.read(runChannel('a'), 0, 1_000).messages.filter(({ type }) => type === 'rivulet:end')
  return { clock, backplane, one: node(), others: [node(), node()], turns, pass, ends }
}

async function begin({ one, turns }: ReturnType<typeof create>) {
  let producing!: Producing<RunEvents>
  void one.runs.start('a', {}, (given) => {
    producing = given
    return new Promise(() => {})
  })
  await turns()
  return producing
}

it('ends a run within its lease after its node died, once, although the other nodes never had a run', async () => {
  const setting = create()
  await begin(setting)
  await setting.pass(7_000)
  setting.one.link.crash()
  await setting.pass(leaseMs - 5_100)
  const before = setting.ends().length
  await setting.pass(5_100)
  expect(before).toBe(0)
  expect(setting.ends().map(({ data }) => data)).toEqual(['{"state":"failed","reason":"producer lost"}'])
  await setting.pass(60_000, 1_000)
  expect(setting.ends()).toHaveLength(1)
})

it('fences a producer that was suspended beyond its lease', async () => {
  const setting = create()
  const { signal, publish } = await begin(setting)
  const { one } = setting
  one.link.pause()
  await setting.pass(leaseMs + 1_000)
  expect(setting.ends()).toHaveLength(1)
  expect(signal.aborted).toBe(false)
  one.link.wake()
  const late = publish('token', { text: 'late' }).catch((error: unknown) => error)
  await setting.turns()
  expect(await late).toMatchObject({ code: 'RIVULET_RUN_LOST', id: 'a', leaseMs })
  expect(signal.reason).toMatchObject({ code: 'RIVULET_RUN_LOST' })
  expect(one.errors).toMatchObject([{ code: 'RIVULET_RUN_LOST' }])
  expect(setting.backplane.read(runChannel('a'), 0, 10).messages).toHaveLength(1)
})

it('retries while the backplane fails, duplicates nothing, and gives up with the lease', async () => {
  const setting = create()
  const { signal, publish } = await begin(setting)
  const { one } = setting
  one.link.faults = 0.6
  const texts = Array.from({ length: 10 }, (_, index) => `${index}`)
  const published = Promise.all(texts.map((text) => publish('token', { text })))
  await setting.pass(5_000)
  one.link.faults = 0
  await setting.pass(2_000)
  await published
  const kept = setting.backplane.read(runChannel('a'), 0, 100).messages
  expect(kept.map(({ data }) => JSON.parse(data).text)).toEqual(texts)
  one.link.faults = 1
  const lost = publish('token', { text: 'lost' }).catch((error: unknown) => error)
  await setting.pass(leaseMs + 1_000)
  expect(await lost).toMatchObject({ code: 'RIVULET_RUN_LOST' })
  expect(signal.aborted).toBe(true)
})
