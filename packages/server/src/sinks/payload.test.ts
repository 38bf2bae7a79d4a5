import { afterEach, expect, it, vi } from 'vitest'
import { Payload } from './payload.js'

afterEach(() => void vi.unstubAllGlobals())

it.each(['Buffer', 'no Buffer'])('frames bytes as one chunk, with %s', (runtime) => {
  if (runtime === 'no Buffer') vi.stubGlobal('Buffer', undefined)
  const text = 'data: Zürich 🚆 \ud800\n\n'
  const payload = new Payload(text)
  const body = new TextEncoder().encode(text)
  expect([...payload.bytes]).toEqual([...body])
  expect(new TextDecoder().decode(payload.chunk)).toBe(
    `${body.length.toString(16)}\r\n${new TextDecoder().decode(body)}\r\n`,
  )
})

it('holds a large event once', () => {
  const payload = new Payload('x'.repeat(100_000))
  expect(payload.bytes.buffer).toBe(payload.chunk.buffer)
  expect(payload.bytes.buffer.byteLength).toBeLessThan(100_100)
})

it.each(['Buffer', 'no Buffer'])('copies bytes, with %s', (runtime) => {
  if (runtime === 'no Buffer') vi.stubGlobal('Buffer', undefined)
  // Larger than the buffers that Node.js shares among small ones.
  const large = new Uint8Array(1_000_000).fill(65)
  const payload = new Payload(large.subarray(10, 20))
  expect(payload.length).toBe(10)
  large.fill(66)
  const text = new TextDecoder().decode(payload.bytes)
  expect([text, new TextDecoder().decode(payload.chunk)]).toEqual(['A'.repeat(10), `a\r\n${'A'.repeat(10)}\r\n`])
  expect(payload.bytes.buffer.byteLength).toBeLessThan(100_000)
})
