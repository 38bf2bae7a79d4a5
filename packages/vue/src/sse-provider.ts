import type { EventStreamService, EventStreamServiceOptions } from '@rivulet/client'
import { createProviderStream, followHeaders, isStreamOf } from '@rivulet/client/binding'
import type { EventContract } from '@rivulet/core'
import { computed, type DefineSetupFnComponent, defineComponent, provide, shallowRef, watch } from 'vue'
import { feedKey } from './context.js'
import { whileMounted } from './while-mounted.js'

/**
 * Either `service`, a stream that you made, or the options of a stream of the provider's own. Options are compared by value:
 * functions may change with each render, and the latest one is called; other `headers` make the stream reconnect and go on
 * where it was; any other change makes a new stream.
 */
export interface SSEProviderProps extends Partial<EventStreamServiceOptions> {
  /** A stream that you made: the first provider connects it and the last one closes it, unless you had connected it. */
  // biome-ignore lint/suspicious/noExplicitAny: a stream of whatever contract
  service?: EventStreamService<any>
  /** How many events of each type are kept for components that mount later and ask for them with `replay`. @default 100 */
  bufferSize?: number
}

/** A record, so that the compiler asks for each option of the client. */
const everyOption: Record<keyof EventStreamServiceOptions<EventContract>, true> = {
  url: true,
  method: true,
  body: true,
  credentials: true,
  headers: true,
  fetch: true,
  connectTimeoutMs: true,
  callbackTimeoutMs: true,
  lastEventIdIn: true,
  retry: true,
  onUnauthorized: true,
  heartbeatMarginMs: true,
  idleTimeoutMs: true,
  maxEventBytes: true,
  events: true,
  validate: true,
  mapMessage: true,
  until: true,
  lastEventId: true,
  persist: true,
  shared: true,
  clock: true,
}
const optionNames = Object.keys(everyOption) as (keyof typeof everyOption)[]

/** Gives the components inside of it a stream of events, connected for as long as the provider is mounted. */
export const SSEProvider: DefineSetupFnComponent<SSEProviderProps> = defineComponent(
  (props: SSEProviderProps, { slots }) => {
    const options = (): EventStreamServiceOptions => {
      const given = optionNames.filter((name) => props[name] !== undefined).map((name) => [name, props[name]])
      return Object.fromEntries(given)
    }
    const create = () => createProviderStream(props.service, options(), props.bufferSize ?? 100)
    const stream = shallowRef(create())
    const feed = computed(() => stream.value.feed)
    provide(feedKey, feed)
    watch([() => props.service, options], ([service, latest]) => {
      if (!isStreamOf(stream.value, service, latest)) stream.value = create()
      else if (stream.value.options) {
        stream.value.options = latest
        followHeaders(stream.value)
      }
    })
    whileMounted(feed, (current) => current.open())
    return () => slots.default?.()
  },
  { name: 'SSEProvider', props: ['service', 'bufferSize', ...optionNames] },
)
