import { afterEach, describe, expect, test, vi } from 'vitest'
import { maxTimerMs, systemClock } from './clock.js'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('systemClock', () => {
  test('does not fire a timer at once if its delay exceeds the platform’s maximum', () => {
    vi.useFakeTimers()
    const callback = vi.fn()
    const set = vi.spyOn(globalThis, 'setTimeout')
    systemClock.clearTimeout(systemClock.setTimeout(callback, maxTimerMs + 1))
    expect(set).toHaveBeenCalledWith(callback, maxTimerMs)
    vi.advanceTimersByTime(maxTimerMs)
    expect(callback).not.toHaveBeenCalled()
  })

  test.each([['with'], ['without']])('defers beyond the current turn %s setImmediate', async (presence) => {
    if (presence === 'without') vi.stubGlobal('setImmediate', undefined)
    const order: string[] = []
    const deferred = new Promise<void>((resolve) =>
      systemClock.defer(() => {
        order.push('deferred')
        resolve()
      }),
    )
    await Promise.resolve().then(() => order.push('microtask'))
    await deferred
    expect(order).toEqual(['microtask', 'deferred'])
  })
})
