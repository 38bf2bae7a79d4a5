import { expect, it } from 'vitest'
import { formatPosition, parsePosition } from './position.js'

it.each([0, 1, 35, 36, 1_790_000_000_000 * 1024, Number.MAX_SAFE_INTEGER])(
  'reads the position %d that it wrote',
  (position) => {
    expect(parsePosition(formatPosition(position))).toBe(position)
  },
)

it.each(['', ' 1', '1.5', '-1', '1e3!', 'ABC', 'zzzzzzzzzzz', 'z'.repeat(10_000), '１', '1\n'])(
  'takes %j for no position',
  (text) => {
    expect(parsePosition(text)).toBeUndefined()
  },
)
