import { expect, it } from 'vitest'
import { comparePositions } from './position.js'

it('orders base-36 positions numerically', () => {
  const numbers = [0, 9, 10, 35, 36, 37, 1_295, 1_296, 1_700_000_000_000]
  const shuffled = [...numbers].sort((a, b) => (a % 7) - (b % 7)).map((number) => number.toString(36))
  expect(shuffled.sort(comparePositions)).toEqual(numbers.map((number) => number.toString(36)))
})

it('puts the empty id first', () => {
  expect(comparePositions('', '0')).toBeLessThan(0)
  expect(comparePositions('', '')).toBe(0)
})
