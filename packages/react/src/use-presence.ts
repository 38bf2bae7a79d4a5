import {
  ChannelMembers,
  initialPresence,
  type MemberOf,
  type PresenceOptions,
  type PresenceView,
} from '@rivulet/client/binding'
import type { EventDefinition } from '@rivulet/core'
import { useInsertionEffect, useState, useSyncExternalStore } from 'react'
import { useBinding } from './context.js'
import { useBrowserLayoutEffect } from './use-browser-layout-effect.js'

/**
 * The members of a channel, live: one for each stream whose route has a `presence` callback. They are loaded from the members
 * route when the stream is open, follow the events of the definition, and are loaded again after a gap or a reconnection.
 *
 * @param definition The event that the server publishes for each change: `{ change, member }`. Its schema types the members and
 *   validates them, also those that are loaded.
 *
 * @throws {MissingStreamError} outside a provider
 * @throws {ConfigurationError} for an invalid option
 *
 * @example
 * const { members } = usePresence(events.presence, { channel: 'room:1' })
 */
export function usePresence<Definition extends EventDefinition>(
  definition: Definition,
  options: PresenceOptions = {},
): PresenceView<MemberOf<Definition>> {
  const binding = useBinding()
  const [made, setMade] = useState(() => new ChannelMembers(binding, definition, options))
  let current = made
  if (!made.matches(binding, definition, options)) {
    current = new ChannelMembers(binding, definition, options)
    setMade(current)
  }
  useInsertionEffect(() => current.use(options))
  useBrowserLayoutEffect(() => current.open(), [current])
  const view = useSyncExternalStore(
    current.watch,
    () => current.view,
    () => initialPresence,
  )
  return view as PresenceView<MemberOf<Definition>>
}
