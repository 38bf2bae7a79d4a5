import type { EventHandler } from '@rivulet/client'
import type { EventDefinition, EventOfDefinition } from '@rivulet/core'
import { useEffect, useInsertionEffect, useRef } from 'react'
import { useEventStream } from './use-event-stream.js'

/**
 * Calls the handler with every event of a type, at once, while the component is mounted. It renders nothing by itself, and
 * a handler that changes with each render does not subscribe anew. What it throws goes to the stream's `onError`.
 *
 * @throws {MissingProviderError}
 */
export function useServerEvent<Definition extends EventDefinition>(
  definition: Definition,
  handler: EventHandler<EventOfDefinition<Definition>>,
): void {
  const stream = useEventStream()
  const latest = useRef(handler)
  useInsertionEffect(() => {
    latest.current = handler
  })
  // The definition counts by its name: an equal one that is made anew is no reason to subscribe anew.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  useEffect(() => stream.on(definition, (event) => latest.current(event)), [stream, definition.type])
}
