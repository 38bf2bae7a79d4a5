import { expect, it } from 'vitest'
import { currentBoot, isSameBoot } from './boot.js'

it('knows its own boot again', () => {
  expect(isSameBoot(currentBoot(), currentBoot())).toBe(true)
})

it.each([
  ['5e1c', '5e1c', true],
  ['5e1c', '77aa', false],
  ['at 1000000', 'at 1004000', true],
  ['at 1000000', 'at 1060000', false],
  ['5e1c', 'at 1000000', false],
])('compares %s and %s', (one, other, same) => {
  expect(isSameBoot(one, other)).toBe(same)
})
