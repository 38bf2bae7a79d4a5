import { expect, it } from 'vitest'
import { textBytes } from './text-bytes.js'

it.each([
  ['', 0],
  ['abc\n\0', 5],
  ['käse ÿ', 6],
  ['漢字', 4],
  ['x🜚', 6],
])('counts the bytes of %j in memory', (text, bytes) => {
  expect(textBytes(text)).toBe(bytes)
})
