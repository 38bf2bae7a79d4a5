import { vi } from 'vitest'

/** Time that `vi.waitFor` waits at least, in milliseconds. Its own default is one second, too little on a busy machine. */
const timeoutMs = 20_000

const { waitFor } = vi
vi.waitFor = (callback, options = timeoutMs) => {
  const { timeout = timeoutMs, ...rest } = typeof options === 'number' ? { timeout: options } : options
  return waitFor(callback, { ...rest, timeout: Math.max(timeout, timeoutMs) })
}
