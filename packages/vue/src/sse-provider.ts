import type { EventStreamService, EventStreamServiceOptions } from '@rivulet/client'
import { ProviderStream, snapshotOf } from '@rivulet/client/binding'
import type { EventContract } from '@rivulet/core'
import {
  type ComponentObjectPropsOptions,
  computed,
  type DefineSetupFnComponent,
  defineComponent,
  provide,
  shallowRef,
  watch,
  watchEffect,
} from 'vue'
import { feedKey } from './context.js'
import { whileMounted } from './while-mounted.js'

/**
 * Either `service`, a stream that you made, or the options of a stream of the provider's own. Options are compared by value:
 * functions may change with each render, and the latest one is called; a contract counts by the names of its events, and
 * the latest schemas validate; other `headers` make the stream reconnect and go on where it was; any other change makes a
 * new stream. Reactive options may be changed in place.
 */
export interface SSEProviderProps extends Partial<EventStreamServiceOptions> {
  /** A stream that you made: the first provider connects it and the last one closes it, unless you had connected it. */
  // biome-ignore lint/suspicious/noExplicitAny: a stream of whatever contract
  service?: EventStreamService<any>
  /** How many events of each type are kept for components that mount later and ask for them with `replay`. @default 100 */
  bufferSize?: number
  /**
   * How often, at most, components show what has come, in milliseconds. 0: with each animation frame. All of them show the
   * same, so it counts for everything below the provider; a provider inside of it with the same `service` may have another.
   * Handlers of `useServerEvent` are called at once all the same.
   * @default 0
   */
  throttleMs?: number
}

/** Takes anything, and says nothing about a bare attribute. */
const any = { type: null }
/** Is on as a bare attribute (`<SSEProvider shared>`), and left out where it is not given. */
const flag = { type: Boolean, default: undefined }
/** A flag that may have options of its own. */
const flagOrObject = { type: [Boolean, Object], default: undefined }

/** A record, so that the compiler asks for each option of the client. */
const everyOption: Record<
  keyof EventStreamServiceOptions<EventContract>,
  typeof any | typeof flag | typeof flagOrObject
> = {
  url: any,
  method: any,
  body: any,
  credentials: any,
  headers: any,
  fetch: any,
  connectTimeoutMs: any,
  callbackTimeoutMs: any,
  lastEventIdIn: any,
  retry: any,
  onUnauthorized: any,
  heartbeatMarginMs: any,
  idleTimeoutMs: any,
  maxEventBytes: any,
  events: any,
  validate: flag,
  mapMessage: any,
  until: any,
  lastEventId: any,
  persist: flagOrObject,
  shared: flagOrObject,
  clock: any,
}
const declarations = { service: any, bufferSize: any, throttleMs: any, ...everyOption }
const optionNames = Object.keys(everyOption) as (keyof typeof everyOption)[]

/** Gives the components inside of it a stream of events, connected for as long as the provider is mounted. */
export const SSEProvider: DefineSetupFnComponent<SSEProviderProps> = defineComponent(
  (props: SSEProviderProps, { slots }) => {
    const options = (): EventStreamServiceOptions => {
      const given = optionNames.filter((name) => props[name] !== undefined).map((name) => [name, props[name]])
      return Object.fromEntries(given)
    }
    const create = () => new ProviderStream(props.service, options(), props.bufferSize ?? 100)
    const stream = shallowRef(create())
    const feed = computed(() => stream.value.feed)
    provide(feedKey, feed)
    watchEffect(() => feed.value.throttle(props.throttleMs ?? 0), { flush: 'sync' })
    // Reads all of them: reactive ones may be changed in place.
    watch([() => props.service, () => snapshotOf(options())], () => {
      const latest = options()
      if (stream.value.isOf(props.service, latest)) {
        stream.value.use(latest)
        stream.value.followHeaders()
      } else stream.value = create()
    })
    whileMounted(feed, (current) => current.open())
    return () => slots.default?.()
  },
  { name: 'SSEProvider', props: declarations as object as ComponentObjectPropsOptions<SSEProviderProps> },
)
