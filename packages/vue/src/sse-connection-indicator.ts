import { defaultLabels, type IndicatorLabels } from '@rivulet/client/binding'
import { computed, type DefineSetupFnComponent, defineComponent, h, shallowRef } from 'vue'
import { useConnectionStatus } from './use-connection-status.js'
import { whileMounted } from './while-mounted.js'

export interface SSEConnectionIndicatorProps {
  /** Replaces some of the texts, or all. */
  labels?: Partial<IndicatorLabels>
}

/**
 * Tells what the connection is doing, in words, and lets the user retry. What changes is read out by screen readers, but
 * not each second of the countdown. It has no looks of its own: import `@rivulet/vue/indicator.css`, or style its class
 * names `rivulet-indicator`, `rivulet-indicator--<status>`, `--offline`, `--gap`, and `rivulet-indicator__text`,
 * `__countdown` and `__button`.
 */
export const SSEConnectionIndicator: DefineSetupFnComponent<SSEConnectionIndicatorProps> = defineComponent(
  (props: SSEConnectionIndicatorProps) => {
    const { state, reconnect } = useConnectionStatus()
    const root = shallowRef<HTMLElement>()
    const online = shallowRef(true)
    const now = shallowRef(0)
    const retryAt = computed(() => state.value.retryAt)
    // What is known of before the component is no news.
    const seenGap = shallowRef<unknown>(state.value.gap)
    whileMounted(
      () => true,
      () => {
        const look = () => {
          online.value = navigator.onLine
        }
        look()
        seenGap.value = state.value.gap
        addEventListener('online', look)
        addEventListener('offline', look)
        return () => {
          removeEventListener('online', look)
          removeEventListener('offline', look)
        }
      },
    )
    whileMounted(retryAt, (until) => {
      let timer: ReturnType<typeof setTimeout> | undefined
      const tick = () => {
        now.value = Date.now()
        const remainingMs = until === undefined ? 0 : until - now.value
        if (remainingMs > 0) timer = setTimeout(tick, remainingMs % 1_000 || 1_000)
      }
      tick()
      return () => clearTimeout(timer)
    })

    return () => {
      const { status, attempt, gap } = state.value
      const text = { ...defaultLabels, ...props.labels }
      const trying = status === 'connecting' || status === 'waiting'
      const offline = trying && !online.value
      const hasGap = status === 'open' && gap !== undefined && gap !== seenGap.value
      const retrying = status === 'waiting' || (trying && attempt > 0)
      const shown = offline ? 'offline' : hasGap ? 'gap' : retrying ? 'reconnecting' : status
      const modifiers = [status, offline && 'offline', hasGap && 'gap'].filter(Boolean)
      const button = (label: string, action: () => void) => {
        const onClick = () => {
          // The button is about to go, and the focus with it.
          root.value?.focus()
          action()
        }
        return h('button', { type: 'button', class: 'rivulet-indicator__button', onClick }, label)
      }
      const countdown = () => {
        const seconds = Math.max(0, Math.ceil((retryAt.value! - now.value) / 1_000))
        return h('span', { 'aria-hidden': 'true', class: 'rivulet-indicator__countdown' }, text.countdown(seconds))
      }
      const classes = ['rivulet-indicator', ...modifiers.map((name) => `rivulet-indicator--${name}`)]
      return h('div', { ref: root, tabindex: -1, class: classes }, [
        h('span', { role: 'status', class: 'rivulet-indicator__text' }, text[shown === 'idle' ? 'connecting' : shown]),
        shown === 'reconnecting' && retryAt.value !== undefined && countdown(),
        hasGap &&
          button(text.dismiss, () => {
            seenGap.value = gap
          }),
        (status === 'waiting' || status === 'closed') && button(text.retry, reconnect),
      ])
    }
  },
  { name: 'SSEConnectionIndicator', props: ['labels'] },
)
