import { afterEach, expect, it, vi } from 'vitest'
import { isOnline, observeOnline } from './online.js'

afterEach(() => void vi.unstubAllGlobals())

it('follows the browser, and is true without one', () => {
  vi.stubGlobal('navigator', { onLine: false })
  expect(isOnline()).toBe(false)
  vi.stubGlobal('navigator', { onLine: true })
  expect(isOnline()).toBe(true)
  vi.stubGlobal('navigator', undefined)
  expect(isOnline()).toBe(true)
})

it('reports when the network comes and goes, until it is stopped', () => {
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  const listener = vi.fn()
  const stop = observeOnline(listener)
  page.dispatchEvent(new Event('offline'))
  page.dispatchEvent(new Event('online'))
  expect(listener).toHaveBeenCalledTimes(2)
  stop()
  page.dispatchEvent(new Event('offline'))
  expect(listener).toHaveBeenCalledTimes(2)
})
