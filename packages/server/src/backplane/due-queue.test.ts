import { expect, it } from 'vitest'
import { randomFrom } from '../../../../test-support/random.js'
import { type Due, DueQueue } from './due-queue.js'

it('always has the earliest item first, after any additions, moves and removals', () => {
  const random = randomFrom(1)
  for (let round = 0; round < 50; round++) {
    const queue = new DueQueue<Due>()
    const items = Array.from({ length: 30 }, () => ({ due: 0, slot: -1 }))
    for (let step = 0; step < 200; step++) {
      const item = items[Math.floor(random() * items.length)]!
      queue.set(item, random() < 0.3 ? Infinity : Math.floor(random() * 20))
      const queued = items.filter(({ slot }) => slot >= 0)
      expect(queue.size).toBe(queued.length)
      expect(queue.first?.due).toBe(queued.length > 0 ? Math.min(...queued.map(({ due }) => due)) : undefined)
    }
  }
})
