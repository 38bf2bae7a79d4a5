import { render } from '@testing-library/vue'
import { describe, vi } from 'vitest'
import { defineComponent } from 'vue'
import { checkUseRun, options } from '../../../test-support/run-hook-checks.js'
import { useRun } from './index.js'

describe('useRun on a server', () => {
  checkUseRun(
    (url, more) => {
      let run!: ReturnType<typeof useRun<typeof options.events, string>>
      const { unmount } = render(
        defineComponent(() => {
          run = useRun(url, { ...options, ...more })
          return () => run.output.value
        }),
      )
      const view = () => ({
        output: run.output.value,
        state: run.state.value,
        reason: run.reason.value,
        error: run.error.value,
        gap: run.gap.value,
      })
      return { view, stop: () => run.stop(), unmount }
    },
    (check) => vi.waitFor(check, 15_000),
  )
})
