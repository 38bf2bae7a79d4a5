import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { stubFrames } from '../../../../test-support/stub-frames.js'
import { cancelFrame, flushFrame, nextFrame } from './next-frame.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => {
  flushFrame()
  vi.useRealTimers()
})

it('calls every callback once, in one frame', () => {
  const frames = stubFrames()
  const calls: string[] = []
  const a = () => calls.push('a')
  nextFrame(a)
  nextFrame(a)
  nextFrame(() => calls.push('b'))
  expect(frames.due.size).toBe(1)
  frames.draw()
  expect(calls).toEqual(['a', 'b'])
  vi.runAllTimers()
  expect(calls).toEqual(['a', 'b'])
})

it('calls the others if one throws', () => {
  stubFrames()
  const other = vi.fn()
  nextFrame(() => {
    throw new Error('first')
  })
  nextFrame(other)
  expect(flushFrame).toThrow('first')
  expect(other).toHaveBeenCalledOnce()
})

it('falls back to once a second if the browser draws no frames', () => {
  const frames = stubFrames()
  const callback = vi.fn()
  nextFrame(callback)
  vi.advanceTimersByTime(999)
  expect(callback).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(callback).toHaveBeenCalledOnce()
  expect(frames.due.size).toBe(0)
})

it('makes frames every 16 ms without a browser', () => {
  vi.stubGlobal('requestAnimationFrame', undefined)
  const callback = vi.fn()
  nextFrame(callback)
  vi.advanceTimersByTime(16)
  expect(callback).toHaveBeenCalledOnce()
  vi.unstubAllGlobals()
})

it('requests no frame after the last callback is cancelled', () => {
  const frames = stubFrames()
  const callback = vi.fn()
  const other = vi.fn()
  nextFrame(callback)
  nextFrame(other)
  expect(cancelFrame(callback)).toBe(true)
  expect(cancelFrame(callback)).toBe(false)
  expect(frames.due.size).toBe(1)
  cancelFrame(other)
  expect(frames.due.size).toBe(0)
  expect(vi.getTimerCount()).toBe(0)
})

it('serves a callback that asks again in the next frame', () => {
  const frames = stubFrames()
  let calls = 0
  const again = () => {
    calls++
    nextFrame(again)
  }
  nextFrame(again)
  frames.draw()
  expect(calls).toBe(1)
  frames.draw()
  expect(calls).toBe(2)
  cancelFrame(again)
})
