import { renderHook, waitFor } from '@testing-library/react'
import { describe } from 'vitest'
import { events } from '../../../test-support/fake-log.js'
import { checkHistory } from '../../../test-support/history-hook-checks.js'
import { SSEProvider, useEventHistory } from './index.js'

describe('useEventHistory', () => {
  checkHistory(
    (service, { limit, channel }) => {
      const { result, rerender, unmount } = renderHook(
        ({ channel }) => useEventHistory(events.log, { limit, channel }),
        {
          wrapper: ({ children }) => <SSEProvider service={service}>{children}</SSEProvider>,
          initialProps: { channel },
        },
      )
      return {
        view: () => ({ ...result.current, messages: result.current.events.map(({ message }) => message) }),
        loadOlder: () => result.current.loadOlder(),
        show: (channel) => rerender({ channel }),
        unmount,
      }
    },
    (check) => waitFor(check, { timeout: 15_000 }),
  )
})
