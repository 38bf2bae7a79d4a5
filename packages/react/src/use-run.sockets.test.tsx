import { renderHook, waitFor } from '@testing-library/react'
import { describe } from 'vitest'
import { checkUseRun, options } from '../../../test-support/run-hook-checks.js'
import { useRun } from './index.js'

describe('useRun on a server', () => {
  checkUseRun(
    (url, more) => {
      const { result, unmount } = renderHook(() => useRun(url, { ...options, ...more }))
      return { view: () => result.current, stop: () => result.current.stop(), unmount }
    },
    (check) => waitFor(check, { timeout: 15_000 }),
  )
})
