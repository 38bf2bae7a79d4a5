import { renderHook, waitFor } from '@testing-library/react'
import { describe } from 'vitest'
import { checkPresence, events } from '../../../test-support/presence-hook-checks.js'
import { SSEProvider, usePresence } from './index.js'

describe('usePresence', () => {
  checkPresence(
    (service, channel) => {
      const { result, rerender, unmount } = renderHook(({ channel }) => usePresence(events.presence, { channel }), {
        wrapper: ({ children }) => <SSEProvider service={service}>{children}</SSEProvider>,
        initialProps: { channel },
      })
      return {
        view: () => ({ ...result.current, names: result.current.members.map(({ info }) => info.name) }),
        show: (channel) => rerender({ channel }),
        unmount,
      }
    },
    (check) => waitFor(check, { timeout: 15_000 }),
  )
})
