import type { GapEvent } from '@rivulet/core'
import { useEffect, useInsertionEffect, useRef } from 'react'
import { useBinding } from './context.js'

/**
 * Calls the handler for every gap, a place where events may be missing, while the component is mounted and not hidden by
 * `<Activity>`. Gaps and events come in order. An error that the handler throws, or rejects with, goes to the stream's `onError`.
 *
 * @param handler May change with each render: the latest one is called.
 *
 * @throws {MissingStreamError} outside a provider
 *
 * @example
 * useGap(() => refetch())
 */
export function useGap(handler: (gap: GapEvent) => unknown): void {
  const { service } = useBinding()
  const latest = useRef(handler)
  useInsertionEffect(() => {
    latest.current = handler
  })
  useEffect(() => service.onGap((gap) => latest.current(gap)), [service])
}
