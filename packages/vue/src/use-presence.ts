import { ChannelMembers, initialPresence, type MemberOf, type PresenceView } from '@rivulet/client/binding'
import type { EventDefinition } from '@rivulet/core'
import { type ComputedRef, computed, type MaybeRefOrGetter, shallowRef, toValue } from 'vue'
import { useBinding } from './context.js'
import { whileMounted } from './while-mounted.js'

export interface PresenceOptions {
  /** The channel whose members are shown. @default 'default' */
  channel?: MaybeRefOrGetter<string | undefined>
  /** The address of the members route. @default the stream's address, with `/members` added to its path */
  url?: MaybeRefOrGetter<string | URL | undefined>
}

/** The members of a channel, as refs. */
export interface Presence<Member> {
  /** The longest connected first. Empty until they are known. */
  readonly members: ComputedRef<readonly Member[]>
  /** They were not loaded yet, or events that changed them may be missing, and they are being loaded again. */
  readonly loading: ComputedRef<boolean>
  /** Error of the last request. `undefined` once they are loaded. */
  readonly error: ComputedRef<unknown>
}

/**
 * The members of a channel, live: one for each stream whose route has a `presence` callback. They are loaded from the members
 * route when the stream is open, follow the events of the definition, and are loaded again after a gap or a reconnection.
 *
 * @param definition The event that the server publishes for each change: `{ change, member }`. Its schema types the members and
 *   validates them, also those that are loaded.
 *
 * @throws {MissingStreamError} without a provider or plugin
 * @throws {ConfigurationError} for an invalid option
 *
 * @example
 * const { members } = usePresence(events.presence, { channel: 'room:1' })
 */
export function usePresence<Definition extends EventDefinition>(
  definition: Definition,
  { channel, url }: PresenceOptions = {},
): Presence<MemberOf<Definition>> {
  const binding = useBinding()
  const current = computed(() => {
    const address = toValue(url)
    return new ChannelMembers(binding.value, definition, {
      channel: toValue(channel),
      ...(address !== undefined && { url: address }),
    })
  })
  const view = shallowRef<PresenceView>(initialPresence)
  whileMounted(current, (list) => {
    view.value = list.view
    const stop = list.watch(() => {
      view.value = list.view
    })
    const close = list.open()
    return () => {
      close()
      stop()
    }
  })
  return {
    members: computed(() => view.value.members as readonly MemberOf<Definition>[]),
    loading: computed(() => view.value.loading),
    error: computed(() => view.value.error),
  }
}
