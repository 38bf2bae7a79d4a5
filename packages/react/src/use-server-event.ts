import type { EventHandler } from '@rivulet/client'
import { isOn } from '@rivulet/client/binding'
import type { EventDefinition, EventOfDefinition } from '@rivulet/core'
import { useEffect, useInsertionEffect, useRef, useState } from 'react'
import { useBinding } from './context.js'

export interface ServerEventOptions {
  /**
   * Skips the history: events that were published before the stream connected, or while it was away. For toasts and sounds.
   * @default false
   */
  live?: boolean
  /** Calls the handler only while true. @default true */
  enabled?: boolean
  /** Selects the events of one channel. @default undefined: the events of all channels */
  channel?: string | undefined
}

/**
 * Calls the handler with every event of a type, at once, while the component is mounted and not hidden by `<Activity>`.
 * It causes no render. An error that the handler throws, or rejects with, goes to the stream's `onError`.
 *
 * @param handler May change with each render: the latest one is called.
 *
 * @throws {MissingStreamError} outside a provider
 */
export function useServerEvent<Definition extends EventDefinition>(
  definition: Definition,
  handler: EventHandler<EventOfDefinition<Definition>>,
  { live = false, enabled = true, channel }: ServerEventOptions = {},
): void {
  const binding = useBinding()
  const latest = useRef({ handler, live, channel })
  useInsertionEffect(() => {
    latest.current = { handler, live, channel }
  })
  // A new definition of the same type keeps the subscription.
  const [known, setKnown] = useState(definition)
  if (known.type !== definition.type) setKnown(definition)
  useEffect(() => {
    if (!enabled) return undefined
    return binding.on(known, (event) => {
      const { handler, live, channel } = latest.current
      return isOn(channel, event) && !(live && event.replayed) ? handler(event) : undefined
    })
  }, [binding, known, enabled])
}
