import type { GapEvent } from '@rivulet/core'
import { useEventStream } from './use-event-stream.js'
import { whileMounted } from './while-mounted.js'

/**
 * Calls the handler for every gap, a place where events may be missing, while the component is mounted. Gaps and events come
 * in order. An error that the handler throws, or rejects with, goes to the stream's `onError`.
 *
 * @throws {MissingStreamError} without a provider or plugin
 *
 * @example
 * useGap(() => refetch())
 */
export function useGap(handler: (gap: GapEvent) => unknown): void {
  whileMounted(useEventStream(), (stream) => stream.onGap(handler))
}
