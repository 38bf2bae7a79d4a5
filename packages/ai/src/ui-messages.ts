import { type ContractOf, defineEvents, type EventContract, type StandardSchemaV1 } from '@rivulet/core'
import type { UIMessageChunk } from 'ai'
import type { RunItem } from './read-run.js'
import { isRecord, schemaOf } from './schema.js'

/** The payload of `ui_message_chunk`. */
export interface UIMessageChunkPayload {
  readonly chunk: UIMessageChunk
}

export type UIMessageEvents = ContractOf<{
  ui_message_chunk: StandardSchemaV1<UIMessageChunkPayload, UIMessageChunkPayload>
}>

/**
 * The event that carries the chunks of an AI SDK's UI message stream. Spread it into the contract of your manager.
 *
 * @example
 * const manager = new EventManager({ events: { ...uiMessageEvents, ...events } })
 */
export const uiMessageEvents: UIMessageEvents = defineEvents({
  ui_message_chunk: schemaOf<UIMessageChunkPayload>(
    ({ chunk }) => isRecord(chunk) && typeof chunk.type === 'string',
    'Give { chunk }, a chunk of a UI message stream.',
  ),
}) as UIMessageEvents

/** A contract for runs of UI messages, which may have other events too. */
export type WithUIMessages = EventContract & UIMessageEvents

/** Turns the end of a run into a last chunk, as the AI SDK expects. */
export function chunkOf(item: RunItem<{ readonly chunk: UIMessageChunk }>): UIMessageChunk | undefined {
  if ('event' in item) return item.event.chunk
  if ('gap' in item) {
    const isTooLarge = item.gap.reason === 'oversized'
    return { type: 'error', errorText: `Part of the answer is ${isTooLarge ? 'too large' : 'no longer available'}.` }
  }
  if ('live' in item || !item.end) return undefined
  const { state, reason } = item.end
  if (state === 'stopped') return { type: 'abort', ...(reason === undefined ? {} : { reason }) }
  return state === 'failed' ? { type: 'error', errorText: reason ?? 'error' } : undefined
}

/**
 * A stream of a run's chunks. Cancelling it leaves the run.
 *
 * @param leave Ends the items at once. A generator that waits for its next item cannot be ended otherwise.
 */
export function chunksOf(
  items: AsyncGenerator<RunItem<{ readonly chunk: UIMessageChunk }>, void>,
  leave: () => void,
): ReadableStream<UIMessageChunk> {
  let left = false
  return new ReadableStream<UIMessageChunk>(
    {
      async pull(controller) {
        for (;;) {
          const { done, value } = await items.next()
          if (left) return
          if (done) return controller.close()
          const chunk = chunkOf(value)
          if (chunk) return controller.enqueue(chunk)
        }
      },
      cancel: async () => {
        left = true
        leave()
        await items.return()
      },
    },
    { highWaterMark: 0 },
  )
}
