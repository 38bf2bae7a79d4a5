import {
  type IndicatorLabels,
  isOnline,
  observeCountdown,
  observeOnline,
  secondsUntil,
  viewIndicator,
} from '@rivulet/client/binding'
import { computed, type DefineSetupFnComponent, defineComponent, h, shallowRef } from 'vue'
import { useConnectionStatus } from './use-connection-status.js'
import { useEventStream } from './use-event-stream.js'
import { whileMounted } from './while-mounted.js'

export interface SSEConnectionIndicatorProps {
  /** Replaces the English texts, some or all of them. */
  labels?: Partial<IndicatorLabels>
}

/**
 * Shows the state of the connection in words, with a button to retry or to dismiss a gap. Screen readers announce each
 * new state, but not the seconds of the countdown.
 *
 * It comes unstyled: import `@rivulet/vue/indicator.css`, or style its class names `rivulet-indicator`,
 * `rivulet-indicator--<status>` (`idle`, `connecting`, `open`, `waiting`, `closed`), `--offline` and `--gap`, and of
 * its parts `rivulet-indicator__text`, `__countdown` and `__button`.
 *
 * @throws {MissingStreamError} without a provider or plugin
 */
export const SSEConnectionIndicator: DefineSetupFnComponent<SSEConnectionIndicatorProps> = defineComponent(
  (props: SSEConnectionIndicatorProps) => {
    const { state, reconnect } = useConnectionStatus()
    const stream = useEventStream()
    const root = shallowRef<HTMLElement>()
    const online = shallowRef(true)
    const seconds = shallowRef<number>()
    // A gap from before the component is no news.
    const seenGap = shallowRef<unknown>(state.value.gap)
    whileMounted(
      () => true,
      () => {
        const look = () => {
          online.value = isOnline()
        }
        look()
        seenGap.value = state.value.gap
        return observeOnline(look)
      },
    )
    const retry = computed(() => ({ clock: stream.value.clock, until: state.value.retryAt }))
    whileMounted(retry, ({ clock, until }) => {
      const look = () => {
        seconds.value = until === undefined ? undefined : secondsUntil(clock, until)
      }
      look()
      return until === undefined ? () => {} : observeCountdown(clock, until, look)
    })

    return () => {
      const { value: connection } = state
      const view = viewIndicator(
        { connection, online: online.value, seenGap: seenGap.value, seconds: seconds.value },
        props.labels,
      )
      const button = (label: string | undefined, action: () => void) => {
        const onClick = () => {
          // The button is about to disappear. The focus must not go with it.
          root.value?.focus()
          action()
        }
        return (
          label !== undefined && h('button', { type: 'button', class: 'rivulet-indicator__button', onClick }, label)
        )
      }
      const dismiss = () => {
        seenGap.value = connection.gap
      }
      return h('div', { ref: root, tabindex: -1, class: view.classNames }, [
        h('span', { role: 'status', class: 'rivulet-indicator__text' }, view.text),
        view.countdown !== undefined &&
          h('span', { 'aria-hidden': 'true', class: 'rivulet-indicator__countdown' }, view.countdown),
        button(view.dismiss, dismiss),
        button(view.retry, reconnect),
      ])
    }
  },
  { name: 'SSEConnectionIndicator', props: ['labels'] },
)
