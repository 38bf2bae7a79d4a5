import { expect, it } from 'vitest'
import { LargePayload, partChars } from './large-payload.js'

function partsOf(payload: LargePayload) {
  return Array.from({ length: payload.count }, (_, index) => payload.part(index))
}

it.each([
  ['ASCII', 'x'.repeat(partChars * 3 + 5)],
  ['exactly two parts', 'y'.repeat(partChars * 2)],
  ['pairs of surrogates at every boundary', `${'x'.repeat(partChars - 1)}${'🚆'.repeat(partChars)}`],
  ['lone surrogates', '\udc00'.repeat(partChars * 2 + 1)],
])('is the same bytes in parts as in one: %s', (_, data) => {
  const payload = new LargePayload('id: 1\ndata: ', data, '\n\n')
  const whole = Buffer.from(`id: 1\ndata: ${data}\n\n`)
  const parts = partsOf(payload)
  expect(Buffer.concat(parts.map(({ bytes }) => bytes)).equals(whole)).toBe(true)
  expect(Buffer.from(payload.bytes).equals(whole)).toBe(true)
  expect(payload.length).toBe(whole.length)
  expect(Math.max(...parts.map(({ bytes }) => bytes.length))).toBeLessThan(partChars * 3 + 20)
})

it('has each part once for all that send it', () => {
  const payload = new LargePayload('', 'x'.repeat(partChars * 2), '')
  const [first, second] = partsOf(payload)
  expect(partsOf(payload)).toEqual([first, second])
  expect(payload.part(1)).toBe(second)
})
