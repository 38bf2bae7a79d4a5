import { expect, test, vi } from 'vitest'
import { FakeClock } from '../../../testing/src/fake-clock.js'
import type { CallbackOptions } from '../runtime/guard.js'
import { refreshCount, refreshOnce } from './credential-refresh.js'

const patience = (signal = new AbortController().signal, clock = new FakeClock()) => ({
  signal,
  clock,
  timeoutMs: 10_000,
})

test('only one call is in flight, no matter how many ask', async () => {
  const hook = vi.fn(async () => {})
  await Promise.all([refreshOnce(hook, 0, patience()), refreshOnce(hook, 0, patience())])
  expect(hook).toHaveBeenCalledTimes(1)
  expect(refreshCount(hook)).toBe(1)
})

test('an attempt refused with an older credential needs no refresh', async () => {
  const hook = vi.fn()
  await refreshOnce(hook, 0, patience())
  await refreshOnce(hook, 0, patience())
  expect(hook).toHaveBeenCalledTimes(1)
  await refreshOnce(hook, 1, patience())
  expect(hook).toHaveBeenCalledTimes(2)
})

test('a failed refresh fails for everyone who waited, and the next request tries again', async () => {
  const hook = vi.fn<() => void>(() => {
    throw 'failed'
  })
  expect(await Promise.allSettled([refreshOnce(hook, 0, patience()), refreshOnce(hook, 0, patience())])).toEqual([
    { status: 'rejected', reason: 'failed' },
    { status: 'rejected', reason: 'failed' },
  ])
  expect(hook).toHaveBeenCalledTimes(1)
  hook.mockImplementation(() => {})
  await refreshOnce(hook, 0, patience())
  expect(hook).toHaveBeenCalledTimes(2)
})

test('a call that never settles times out for everyone who waits', async () => {
  const clock = new FakeClock()
  const signals: AbortSignal[] = []
  const hook = ({ signal }: CallbackOptions) => {
    signals.push(signal)
    return new Promise<void>(() => {})
  }
  const calls = Promise.allSettled([refreshOnce(hook, 0, patience(undefined, clock)), refreshOnce(hook, 0, patience())])
  clock.advance(10_000)
  for (const { reason } of (await calls) as PromiseRejectedResult[]) {
    expect(reason).toMatchObject({ code: 'RIVULET_CALLBACK_TIMEOUT', callback: 'onUnauthorized', timeoutMs: 10_000 })
  }
  expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  refreshOnce(hook, 0, patience()).catch(() => {})
  expect(signals).toHaveLength(2)
})

test('a call is abandoned when the last waiting stream leaves', async () => {
  const one = new AbortController()
  const other = new AbortController()
  let signal: AbortSignal | undefined
  const hook = (options: CallbackOptions) => {
    signal = options.signal
    return new Promise<void>(() => {})
  }
  const calls = Promise.allSettled([
    refreshOnce(hook, 0, patience(one.signal)),
    refreshOnce(hook, 0, patience(other.signal)),
  ])
  one.abort()
  expect(signal?.aborted).toBe(false)
  other.abort()
  expect(signal?.aborted).toBe(true)
  expect((await calls).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})

test('a call is canceled if the hook itself closes the only stream that waits', () => {
  const stream = new AbortController()
  let call: AbortSignal | undefined
  const hook = ({ signal }: CallbackOptions) => {
    call = signal
    stream.abort()
    return new Promise<void>(() => {})
  }
  refreshOnce(hook, 0, patience(stream.signal)).catch(() => {})
  expect(call!.aborted).toBe(true)
})
