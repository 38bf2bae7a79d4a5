import { beforeEach, describe, expect, test, vi } from 'vitest'
import { IteratorOverflowError } from '../runtime/errors.js'
import { EventIterator, type IteratorOptions } from './event-iterator.js'

const source = { onStart: vi.fn(), onPause: vi.fn(), onEnd: vi.fn(), onLeave: vi.fn(), onRefuse: vi.fn() }

beforeEach(() => {
  for (const spy of Object.values(source)) spy.mockReset()
})

function create(options: IteratorOptions = {}) {
  return new EventIterator<number>(options, source)
}

/** Reads the values that are ready. */
async function buffered(iterator: EventIterator<number>): Promise<number[]> {
  iterator.end()
  const values: number[] = []
  for await (const value of iterator) values.push(value)
  return values
}

test('delivers events pushed before and after a request, in order', async () => {
  const iterator = create()
  iterator.push(1)
  const results = [iterator.next(), iterator.next(), iterator.next()]
  iterator.push(2)
  iterator.push(3)
  expect(await Promise.all(results)).toEqual([1, 2, 3].map((value) => ({ done: false, value })))
  expect(source.onStart).toHaveBeenCalledTimes(1)
})

describe('when the buffer is full', () => {
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

  test('error throws after the buffered events', async () => {
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

describe('left by its loop', () => {
  const leave = (iterator: EventIterator<number>, ...values: number[]) => {
    for (const value of values) iterator.push(value, value, `before ${value}`)
    iterator.stop()
  }

  test('keeps unread and new events for the next loop', async () => {
    const left = create({ bufferSize: 2, overflow: 'error' })
    leave(left, 1, 2)
    left.push(3, 3, 'before 3')
    left.push(4, 4, 'before 4')
    expect(source.onLeave).toHaveBeenCalledTimes(1)
    expect(left.unread).toEqual({ value: 1, order: 1, cursor: 'before 1' })
    expect(await left.next()).toEqual({ done: true, value: undefined })

    const next = create()
    expect(next.takeOver(left)).toBe(true)
    expect(left.isDone).toBe(true)
    expect(next.unread).toEqual({ value: 1, order: 1, cursor: 'before 1' })
    expect(await buffered(next)).toEqual([1, 2, 3, 4])
    expect(next.isDone).toBe(true)
  })

  test('drops what exceeds the buffer, and reports it', async () => {
    const left = create({ bufferSize: 2 })
    leave(left, 1)
    for (let n = 2; n <= 1_025; n++) left.push(n, n, '')
    expect(left.isDone).toBe(false)
    left.push(1_026, 1_026, '')
    expect(left.isDone).toBe(true)
    expect(source.onRefuse).toHaveBeenCalledTimes(1)
    const next = create()
    expect(next.takeOver(left)).toBe(false)
    expect(await buffered(next)).toEqual([])
  })

  test('drops by its own policy', async () => {
    const left = create({ bufferSize: 1, overflow: 'drop-oldest' })
    leave(left)
    for (let n = 1; n <= 4; n++) left.push(n, n, '')
    const next = create()
    expect(next.takeOver(left)).toBe(true)
    expect(await buffered(next)).toEqual([4])
  })

  test('pauses the stream if it takes over more than it may buffer', () => {
    const left = create()
    leave(left, 1, 2, 3)
    create({ bufferSize: 2 }).takeOver(left)
    expect(source.onPause.mock.calls).toEqual([[true]])
  })

  test('leaves nothing if the stream is over and everything was read', () => {
    const iterator = create()
    iterator.end()
    iterator.stop()
    expect(source.onLeave).not.toHaveBeenCalled()
  })
})

describe('ends', () => {
  test('all waiting calls, the first with the failure', async () => {
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

  test('once, no matter how often it is told', () => {
    const iterator = create()
    iterator.stop()
    iterator.end({ error: 'late' })
    expect(source.onEnd).toHaveBeenCalledTimes(1)
  })
})
