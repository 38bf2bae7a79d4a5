import { RunFailure, type RunManager } from '@rivulet/server'
import type { UIMessageChunk } from 'ai'
import { localStream } from './local-stream.js'
import { readRun } from './read-run.js'
import { chunksOf, type UIMessageChunkPayload, uiMessageEvents, type WithUIMessages } from './ui-messages.js'

export {
  type UIMessageChunkPayload,
  type UIMessageEvents,
  uiMessageEvents,
  type WithUIMessages,
} from './ui-messages.js'

/**
 * Turns a chunk into an event: the `map` of a run whose producer is a UI message stream of the AI SDK. A chunk of the type
 * `error` fails the run, and readers get its `errorText`, which `onError` of `toUIMessageStream` chooses.
 *
 * @throws {RunFailure} for such a chunk.
 *
 * @example
 * await runs.start(id, { key: user.id, map: uiMessageOutput }, ({ signal }) =>
 *   streamText({ model, messages, abortSignal: signal }).toUIMessageStream(),
 * )
 */
export function uiMessageOutput(chunk: UIMessageChunk): {
  readonly type: 'ui_message_chunk'
  readonly payload: UIMessageChunkPayload
} {
  if (chunk.type === 'error') throw new RunFailure(chunk.errorText)
  return { type: 'ui_message_chunk', payload: { chunk } }
}

/**
 * Reads a run as a UI message stream, for clients that speak the AI SDK's protocol and not Rivulet's: everything from its
 * beginning, then live. Give it to the AI SDK's `createUIMessageStreamResponse` or `pipeUIMessageStreamToResponse`. If the
 * run failed, or a part of it is no longer kept, the last chunk has the type `error`; if it was stopped, the type `abort`.
 *
 * It does not authorize: check the request first, for example by the run's `key`.
 *
 * @returns `undefined` if there is no such run. Answer a reconnecting AI SDK client with 204 then.
 * @throws The error of the backplane.
 */
export async function readUIMessageStream(
  runs: RunManager<WithUIMessages>,
  id: string,
): Promise<ReadableStream<UIMessageChunk> | undefined> {
  if (!(await runs.get(id))) return undefined
  const stream = localStream(runs, id, uiMessageEvents)
  return chunksOf(readRun(stream), () => stream.close())
}
