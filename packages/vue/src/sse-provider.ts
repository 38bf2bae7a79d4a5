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
import { bindingKey } from './context.js'
import { whileMounted } from './while-mounted.js'

/**
 * Either `service`, a stream that you created, or the options of a stream that the provider creates. Options are compared
 * by value, and reactive ones may be changed in place:
 *
 * - functions may change with each render, and the latest one is called;
 * - a contract may be created anew with the same event names, and the latest schemas validate;
 * - changed `headers` make the stream reconnect and resume;
 * - changed `channels` are changed on the stream, which stays connected (see `setChannels`), unless it is `shared`;
 * - any other change creates a new stream.
 */
export interface SSEProviderProps extends Partial<EventStreamServiceOptions> {
  /**
   * A stream that you created. The first provider to mount connects it and the last one to unmount closes it, unless you
   * connected it yourself.
   */
  // biome-ignore lint/suspicious/noExplicitAny: a stream of any contract
  service?: EventStreamService<any>
  /**
   * Number of events of each type of the contract that are kept for components that mount later and set `replay`. 0
   * keeps none, and types without a listening component are not even parsed. Read when the stream is made.
   * @default 100
   */
  bufferSize?: number
  /**
   * Least time between two updates of the components, in milliseconds. 0 updates with each animation frame. All
   * components of a provider show the same events, so it applies to all of them; a nested provider with the same
   * `service` may have another. Handlers of `useServerEvent` are called at once in any case.
   * @default 0
   */
  throttleMs?: number
}

/** Property of any type. */
const any = { type: null }
/** Property that a bare attribute turns on (`<SSEProvider shared>`), and that is undefined if not given. */
const flag = { type: Boolean, default: undefined }
/** Flag that may be an object of options instead. */
const flagOrObject = { type: [Boolean, Object], default: undefined }

type Options = EventStreamServiceOptions<EventContract>

/** The compiler asks for each option of the client, and for a flag if the option may be `true`. */
const everyOption: {
  [Name in keyof Options]-?: true extends Options[Name] ? typeof flag | typeof flagOrObject : typeof any
} = {
  url: any,
  channels: any,
  controlUrl: any,
  method: any,
  body: any,
  idempotent: flag,
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

/**
 * Provides the components inside it with an event stream, connected while the provider is mounted. Providers may be
 * nested: composables use the nearest one. On a server, nothing connects.
 *
 * @throws {ConfigurationError} for an invalid option
 */
export const SSEProvider: DefineSetupFnComponent<SSEProviderProps> = defineComponent(
  (props: SSEProviderProps, { slots }) => {
    const options = (): EventStreamServiceOptions => {
      const given = optionNames.filter((name) => props[name] !== undefined).map((name) => [name, props[name]])
      return Object.fromEntries(given)
    }
    const create = () => new ProviderStream(props.service, options(), props.bufferSize ?? 100)
    const stream = shallowRef(create())
    const binding = computed(() => stream.value.binding)
    provide(bindingKey, binding)
    watchEffect(() => binding.value.throttle(props.throttleMs ?? 0), { flush: 'sync' })
    // The snapshot reads every value: reactive ones may be changed in place.
    watch([() => props.service, () => snapshotOf(options())], () => {
      const latest = options()
      if (stream.value.matches(props.service, latest)) {
        stream.value.use(latest)
        stream.value.follow()
      } else stream.value = create()
    })
    whileMounted(binding, (current) => current.open())
    return () => slots.default?.()
  },
  { name: 'SSEProvider', props: declarations as object as ComponentObjectPropsOptions<SSEProviderProps> },
)
