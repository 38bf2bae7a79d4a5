import { serialize } from 'node:v8'
import { describe, expect, it, vi } from 'vitest'
import { encodeFrames, FrameReader, greeting } from './wire.js'

const refuse = vi.fn()
const hello = Buffer.from(`${greeting}\n`)
const encode = (frames: readonly unknown[], maxBytes?: number) => encodeFrames(frames, refuse, maxBytes)

describe('FrameReader', () => {
  it('reads frames however the bytes are cut', () => {
    const frames = [['a', 1], ['b', 'ü'.repeat(300)], ['c', undefined], ['d']]
    const bytes = Buffer.concat([
      hello,
      ...encode(frames.slice(0, 1)),
      ...encode(frames.slice(1, 3)),
      ...encode(frames.slice(3)),
    ])
    for (const size of [1, 2, 3, 5, 17, 100, bytes.length]) {
      const reader = new FrameReader()
      const read: unknown[] = []
      for (let start = 0; start < bytes.length; start += size)
        read.push(...reader.push(bytes.subarray(start, start + size)))
      expect(reader.greeting).toBe(greeting)
      expect(read).toEqual(frames)
    }
  })

  it('takes more frames in one batch than a call takes arguments', () => {
    const body = serialize(Array.from({ length: 300_000 }, (_, index) => index))
    const length = Buffer.alloc(4)
    length.writeUInt32BE(body.length)
    expect(new FrameReader().push(Buffer.concat([hello, length, body]))).toHaveLength(300_000)
  })

  it('waits for no batch that is too large', () => {
    const reader = new FrameReader()
    expect(() => reader.push(Buffer.concat([hello, Buffer.from([0xff, 0xff, 0xff, 0xff])]))).toThrow('4294967295 bytes')
  })

  it('refuses what is no batch', () => {
    for (const body of [Buffer.from('abcd'), serialize({ length: 1 }), serialize('frames'), Buffer.alloc(0)]) {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(body.length)
      expect(() => new FrameReader().push(Buffer.concat([hello, length, body]))).toThrow()
    }
  })

  it('keeps no more than the beginning of another greeting', () => {
    const reader = new FrameReader()
    expect(reader.push(Buffer.from('x'.repeat(10_000)))).toEqual([])
    expect(reader.greeting).toBe('x'.repeat(64))
  })
})

describe('encodeFrames', () => {
  const read = (batches: readonly Buffer[]) => new FrameReader().push(Buffer.concat([hello, ...batches]))

  it('cuts many frames into several batches', () => {
    const frames = Array.from({ length: 10_000 }, (_, index) => [index])
    const batches = encode(frames)
    expect(batches.length).toBeGreaterThan(1)
    expect(read(batches)).toEqual(frames)
  })

  it('leaves out what cannot be sent, and tells of it', () => {
    refuse.mockReset()
    const bad = ['call', 2, () => {}]
    const large = ['call', 4, 'x'.repeat(2_000)]
    expect(read(encode([['call', 1], bad, ['call', 3], large, ['call', 5]], 1_000))).toEqual([
      ['call', 1],
      ['call', 3],
      ['call', 5],
    ])
    expect(refuse.mock.calls).toEqual([
      [bad, expect.objectContaining({ message: expect.stringContaining('could not be cloned') })],
      [large, expect.objectContaining({ message: expect.stringContaining('1000 bytes') })],
    ])
  })
})
