import type { EventHandler } from '@rivulet/client'
import type { EventDefinition, EventOfDefinition } from '@rivulet/core'
import { useEffect, useInsertionEffect, useRef, useState } from 'react'
import { useFeed } from './context.js'

/**
 * Calls the handler with every event of a type, at once, while the component is mounted and not hidden by `<Activity>`. It
 * renders nothing by itself, and a handler that changes with each render does not subscribe anew. What it throws goes to
 * the stream's `onError`.
 *
 * @throws {MissingProviderError}
 */
export function useServerEvent<Definition extends EventDefinition>(
  definition: Definition,
  handler: EventHandler<EventOfDefinition<Definition>>,
): void {
  const feed = useFeed()
  const latest = useRef(handler)
  useInsertionEffect(() => {
    latest.current = handler
  })
  // A definition counts by its name: an equal one that is made anew is no reason to subscribe anew.
  const [known, setKnown] = useState(definition)
  if (known.type !== definition.type) setKnown(definition)
  useEffect(() => feed.on(known, (event) => latest.current(event)), [feed, known])
}
