import { expect, it } from 'vitest'
import { comparePositions } from './position.js'

it('orders ids as their events were published', () => {
  const positions = [1, 9, 35, 36, 1295, 1296, 1_767_225_600_000 * 1024]
  const ids = positions.map((position) => position.toString(36))
  expect([...ids].reverse().sort(comparePositions)).toEqual(ids)
  expect(comparePositions('10', '10')).toBe(0)
})
