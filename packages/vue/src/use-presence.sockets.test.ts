import { render } from '@testing-library/vue'
import { describe, vi } from 'vitest'
import { defineComponent, h, ref } from 'vue'
import { checkPresence, events } from '../../../test-support/presence-hook-checks.js'
import { SSEProvider, usePresence } from './index.js'

describe('usePresence', () => {
  checkPresence(
    (service, first) => {
      const channel = ref(first)
      const setup = () => usePresence(events.presence, { channel })
      let presence!: ReturnType<typeof setup>
      const List = defineComponent(() => {
        presence = setup()
        return () => presence.members.value.length
      })
      const { unmount } = render(() => h(SSEProvider, { service }, () => h(List)))
      return {
        view: () => ({
          names: presence.members.value.map(({ info }) => info.name),
          loading: presence.loading.value,
          error: presence.error.value,
        }),
        show: (next) => {
          channel.value = next
        },
        unmount,
      }
    },
    (check) => vi.waitFor(check, 15_000),
  )
})
