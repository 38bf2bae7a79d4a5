import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { randomFrom } from '../test-support/random.js'
import { crash, type Node, startMachine } from './ipc-machine.js'

/** `npm run test:long` plays many more. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 1)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)

const events = defineEvents({ count: z.object({ n: z.number() }) })
const late = () => new Promise<'late'>((resolve) => setTimeout(resolve, 20, 'late'))

interface Scene {
  readonly primary: Node
  readonly worker: Node
  /** Resolves when so many more events are stored. */
  stored(count: number): Promise<void>
}

const faults: Record<string, (scene: Scene) => Promise<void>> = {
  'the serving process is killed and comes back': ({ primary }) => crash(primary),
  'a worker is killed and comes back': ({ worker }) => crash(worker),
  'a worker stands still': async ({ worker, stored }) => {
    worker.child!.kill('SIGSTOP')
    await stored(150)
    worker.child!.kill('SIGCONT')
  },
  'the serving process is killed while a worker stands still': async ({ primary, worker, stored }) => {
    worker.child!.kill('SIGSTOP')
    await stored(150)
    await crash(primary)
    worker.child!.kill('SIGCONT')
  },
}

it.each(
  Object.keys(faults).flatMap((fault) =>
    Array.from({ length: seeds }, (_, index) => ({ fault, seed: firstSeed + index })),
  ),
)('loses nothing in silence while $fault (seed $seed)', { timeout: 120_000 }, async ({ fault, seed }) => {
  const random = randomFrom(seed)
  const oneOf = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const { primary, workers, nodes } = await startMachine('memory')

  const clients = nodes.map(({ port }) => {
    const items: (number | 'gap')[] = []
    const stream = new EventStreamService({
      events,
      url: `http://127.0.0.1:${port}/`,
      retry: { initialMs: 20, maxMs: 200 },
    })
    stream.on('count', ({ n }) => void items.push(n))
    stream.onGap(() => void items.push('gap'))
    stream.onError(() => {})
    stream.connect()
    onTestFinished(() => stream.close())
    return { items, stream }
  })
  await vi.waitFor(
    () => expect(clients.map(({ stream }) => stream.state.status)).toEqual(['open', 'open', 'open']),
    20_000,
  )

  // One event after the other, so that the order of those that are certain to be stored is known.
  const stored: number[] = []
  let n = 0
  let going = true
  const publishing = (async () => {
    while (going) {
      const attempt = ++n
      // One that has no process answers at once: without a pause the loop would let nothing else run.
      const idle = nodes.filter(({ busy, child }) => !busy && child?.connected)
      // A process that stands still may store it much later: the next event does not wait for that.
      const answer = await Promise.race([idle.length > 0 ? oneOf(idle).publish(attempt) : late(), late()])
      if (answer === true) stored.push(attempt)
    }
  })()
  const scene = (): Scene => ({
    primary,
    worker: oneOf(workers),
    stored: (count) => {
      const from = stored.length
      return vi.waitFor(() => expect(stored.length).toBeGreaterThan(from + count), 60_000)
    },
  })
  for (let round = 0; round < 3; round++) {
    const now = scene()
    await now.stored(20 + Math.floor(random() * 50))
    await faults[fault]!(now)
  }
  going = false
  await publishing
  await vi.waitFor(async () => expect(await primary.publish(++n)).toBe(true), 20_000)
  await vi.waitFor(() => expect(clients.every(({ items }) => items.includes(n))).toBe(true), 30_000)

  for (const { items } of clients) {
    const numbers = items.filter((item) => item !== 'gap')
    expect(new Set(numbers).size, 'each once').toBe(numbers.length)
    let next = stored.findIndex((one) => items.includes(one))
    let gap = false
    for (const item of items) {
      if (item === 'gap') gap = true
      const index = stored.indexOf(item as number)
      if (index < 0) continue
      expect(index, `${item} in order`).toBeGreaterThanOrEqual(next)
      if (!gap) expect(stored.slice(next, index), `before ${item}`).toEqual([])
      next = index + 1
      gap = false
    }
  }
})
