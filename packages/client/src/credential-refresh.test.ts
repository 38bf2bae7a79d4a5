import { expect, test, vi } from 'vitest'
import { refreshCount, refreshOnce } from './credential-refresh.js'

test('one call is in flight, however many ask', async () => {
  const hook = vi.fn(async () => {})
  await Promise.all([refreshOnce(hook, 0), refreshOnce(hook, 0)])
  expect(hook).toHaveBeenCalledTimes(1)
  expect(refreshCount(hook)).toBe(1)
})

test('an attempt that was refused with an older credential needs none', async () => {
  const hook = vi.fn()
  await refreshOnce(hook, 0)
  await refreshOnce(hook, 0)
  expect(hook).toHaveBeenCalledTimes(1)
  await refreshOnce(hook, 1)
  expect(hook).toHaveBeenCalledTimes(2)
})

test('a refresh that fails fails for all who asked, and the next one asks again', async () => {
  const hook = vi.fn<() => void>(() => {
    throw 'failed'
  })
  expect(await Promise.allSettled([refreshOnce(hook, 0), refreshOnce(hook, 0)])).toEqual([
    { status: 'rejected', reason: 'failed' },
    { status: 'rejected', reason: 'failed' },
  ])
  expect(hook).toHaveBeenCalledTimes(1)
  hook.mockImplementation(() => {})
  await refreshOnce(hook, 0)
  expect(hook).toHaveBeenCalledTimes(2)
})
