import { beforeEach, describe, expect, test, vi } from 'vitest'
import { IteratorOverflowError } from './errors.js'
import { EventIterator, type IteratorOptions } from './event-iterator.js'

const source = { onStart: vi.fn(), onPause: vi.fn(), onEnd: vi.fn() }

beforeEach(() => {
  for (const spy of Object.values(source)) spy.mockReset()
})

function create(options: IteratorOptions = {}) {
  return new EventIterator<number>(options, source)
}

/** What can be read without waiting. */
async function buffered(iterator: EventIterator<number>): Promise<number[]> {
  iterator.end()
  const values: number[] = []
  for await (const value of iterator) values.push(value)
  return values
}

test('gives what was pushed before and after it was asked for, in order', async () => {
  const iterator = create()
  iterator.push(1)
  const results = [iterator.next(), iterator.next(), iterator.next()]
  iterator.push(2)
  iterator.push(3)
  expect(await Promise.all(results)).toEqual([1, 2, 3].map((value) => ({ done: false, value })))
  expect(source.onStart).toHaveBeenCalledTimes(1)
})

describe('when more wait than the buffer holds', () => {
  const fill = (iterator: EventIterator<number>, count: number) => {
    for (let n = 1; n <= count; n++) iterator.push(n)
  }

  test('pause asks the stream to wait until half is read, and loses nothing', async () => {
    const iterator = create({ bufferSize: 4 })
    fill(iterator, 3)
    expect(source.onPause).not.toHaveBeenCalled()
    fill(iterator, 2)
    expect(source.onPause.mock.calls).toEqual([[true]])
    for (let n = 0; n < 2; n++) await iterator.next()
    expect(source.onPause).toHaveBeenCalledTimes(1)
    await iterator.next()
    expect(source.onPause.mock.calls).toEqual([[true], [false]])
    expect(await buffered(iterator)).toEqual([1, 2])
  })

  test('pause ends with the iterator', async () => {
    const iterator = create({ bufferSize: 1 })
    fill(iterator, 1)
    await iterator.return()
    expect(source.onPause.mock.calls).toEqual([[true], [false]])
  })

  test('drop-oldest keeps the latest', async () => {
    const iterator = create({ bufferSize: 2, overflow: 'drop-oldest' })
    fill(iterator, 1_000)
    expect(await buffered(iterator)).toEqual([999, 1_000])
  })

  test('drop-newest keeps the first', async () => {
    const iterator = create({ bufferSize: 2, overflow: 'drop-newest' })
    fill(iterator, 5)
    expect(await buffered(iterator)).toEqual([1, 2])
  })

  test('error throws after what is buffered', async () => {
    const iterator = create({ bufferSize: 2, overflow: 'error' })
    fill(iterator, 3)
    expect(source.onEnd).toHaveBeenCalledTimes(1)
    const values: number[] = []
    const loop = async () => {
      for await (const value of iterator) values.push(value)
    }
    await expect(loop()).rejects.toBeInstanceOf(IteratorOverflowError)
    expect(values).toEqual([1, 2])
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })
})

describe('ends', () => {
  test('for those who wait, the first of whom gets the failure', async () => {
    const iterator = create()
    const results = [iterator.next(), iterator.next()]
    iterator.end({ error: 'failure' })
    iterator.push(1)
    expect(await Promise.allSettled(results)).toEqual([
      { status: 'rejected', reason: 'failure' },
      { status: 'fulfilled', value: { done: true, value: undefined } },
    ])
  })

  test('at once when it is stopped', async () => {
    const iterator = create()
    iterator.push(1)
    iterator.stop()
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
    expect(source.onStart).not.toHaveBeenCalled()
    expect(source.onEnd).toHaveBeenCalledTimes(1)
  })

  test('once, however often it is told', () => {
    const iterator = create()
    iterator.stop()
    iterator.end({ error: 'late' })
    expect(source.onEnd).toHaveBeenCalledTimes(1)
  })
})
