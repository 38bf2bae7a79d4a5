import { expect, it } from 'vitest'
import { heapInUse } from '../../test/heap.js'
import { runEvents } from '../../test/runs.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { EventManager } from '../event-manager.js'
import { RunManager } from './run-manager.js'

it('holds at most 20 MB for 2,000 runs of 100 tokens that are over, and nothing of runs that were forgotten', async () => {
  const backplane = new MemoryBackplane()
  const manager = new EventManager({ events: runEvents, backplane })
  const runs = new RunManager({ manager })
  const play = async (count: number) => {
    for (let index = 0; index < count; index++) {
      const { finished } = await runs.start(`answer:${index}`, { key: `user:${index % 100}` }, async ({ publish }) => {
        for (let token = 0; token < 100; token++) await publish('token', { text: ` word${token}` })
      })
      await finished
    }
  }
  const forgetAll = async (count: number) => {
    for (let index = 0; index < count; index++) await runs.forget(`answer:${index}`)
  }
  // Compiled code and pools come with the first ones.
  await play(2_000)
  await forgetAll(2_000)
  const before = await heapInUse()
  await play(2_000)
  const held = (await heapInUse()) - before
  expect(held).toBeLessThan(20_000_000)
  const counted = backplane.stats().bytes
  expect(counted / held).toBeGreaterThan(0.8)
  expect(counted / held).toBeLessThan(1.25)
  await forgetAll(2_000)
  const left = (await heapInUse()) - before
  expect(left).toBeLessThan(500_000)
  expect(backplane.stats().bytes).toBe(0)
  await runs.close()
  await manager.close()
}, 60_000)

it('keeps within the budget of its backplane, dropping the runs that ended first', async () => {
  const backplane = new MemoryBackplane({ maxTotalBytes: 400_000 })
  const manager = new EventManager({ events: runEvents, backplane })
  const runs = new RunManager({ manager })
  for (let index = 0; index < 100; index++) {
    const { finished } = await runs.start(`r${index}`, {}, async ({ publish }) => {
      for (let token = 0; token < 10; token++) await publish('token', { text: 'x'.repeat(1_000) })
    })
    await finished
    expect(backplane.stats().bytes).toBeLessThanOrEqual(200_000)
  }
  expect(await runs.get('r0')).toBeUndefined()
  expect(await runs.get('r99')).toMatchObject({ state: 'done' })
  await runs.close()
  await manager.close()
})
