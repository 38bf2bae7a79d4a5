import { render } from '@testing-library/vue'
import { describe, vi } from 'vitest'
import { defineComponent, h, ref } from 'vue'
import { events } from '../../../test-support/fake-log.js'
import { checkHistory } from '../../../test-support/history-hook-checks.js'
import { SSEProvider, useEventHistory } from './index.js'

describe('useEventHistory', () => {
  checkHistory(
    (service, options) => {
      const channel = ref(options.channel)
      const setup = () => useEventHistory(events.log, { limit: options.limit, channel })
      let list!: ReturnType<typeof setup>
      const List = defineComponent(() => {
        list = setup()
        return () => list.events.value.length
      })
      const { unmount } = render(() => h(SSEProvider, { service }, () => h(List)))
      return {
        view: () => ({
          messages: list.events.value.map(({ message }) => message),
          hasOlder: list.hasOlder.value,
          loadingOlder: list.loadingOlder.value,
          olderError: list.olderError.value,
          trimmed: list.trimmed.value,
        }),
        loadOlder: () => list.loadOlder(),
        show: (next) => {
          channel.value = next
        },
        unmount,
      }
    },
    (check) => vi.waitFor(check, 15_000),
  )
})
