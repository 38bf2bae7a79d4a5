import type { EventHandler } from '@rivulet/client'
import { isOn } from '@rivulet/client/binding'
import type { EventDefinition, EventOfDefinition } from '@rivulet/core'
import { computed, type MaybeRefOrGetter, toValue } from 'vue'
import { useBinding } from './context.js'
import { whileMounted } from './while-mounted.js'

export interface ServerEventOptions {
  /**
   * Skips the history: events that were published before the stream connected, or while it was away. For toasts and sounds.
   * @default false
   */
  live?: MaybeRefOrGetter<boolean>
  /** Calls the handler only while true. @default true */
  enabled?: MaybeRefOrGetter<boolean>
  /** Selects the events of one channel. @default undefined: the events of all channels */
  channel?: MaybeRefOrGetter<string | undefined>
}

/**
 * Calls the handler with every event of a type, at once, while the component is mounted. An error that the handler
 * throws, or rejects with, goes to the stream's `onError`.
 *
 * @throws {MissingStreamError} without a provider or plugin
 */
export function useServerEvent<Definition extends EventDefinition>(
  definition: MaybeRefOrGetter<Definition>,
  handler: EventHandler<EventOfDefinition<Definition>>,
  { live = false, enabled = true, channel }: ServerEventOptions = {},
): void {
  const binding = useBinding()
  const source = computed(() => ({ current: binding.value, type: toValue(definition), listens: toValue(enabled) }))
  whileMounted(source, ({ current, type, listens }) => {
    if (!listens) return () => {}
    return current.on(type, (event) =>
      isOn(toValue(channel), event) && !(toValue(live) && event.replayed) ? handler(event) : undefined,
    )
  })
}
