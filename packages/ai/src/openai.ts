import { createDecoder } from '@rivulet/core'
import { RunFailure } from '@rivulet/server'
import type { CompletionFinish, CompletionText, CompletionToolCall, CompletionUsage } from './completion-events.js'
import { CompletionError } from './errors.js'
import { isRecord } from './schema.js'

export { CompletionError } from './errors.js'

/** One event of a completion, as the run publishes it. */
export type CompletionOutput =
  | {
      readonly type: 'completion_text' | 'completion_reasoning' | 'completion_refusal'
      readonly payload: CompletionText
    }
  | { readonly type: 'completion_tool_call'; readonly payload: CompletionToolCall }
  | { readonly type: 'completion_finish'; readonly payload: CompletionFinish }
  | { readonly type: 'completion_usage'; readonly payload: CompletionUsage }

export interface CompletionOptions {
  /** The endpoint, without `/chat/completions`. @default 'https://api.openai.com/v1' */
  baseUrl?: string
  /** Sent as `Authorization: Bearer …`. @default Nothing is sent */
  apiKey?: string | undefined
  /** Additional headers of the request. */
  headers?: Readonly<Record<string, string>>
  /**
   * The request: `model`, `messages`, and whatever the endpoint takes. `stream` is always true, and the usage is requested.
   */
  body: Readonly<Record<string, unknown>> & { readonly model: string; readonly messages: readonly unknown[] }
  /** Aborts the request. Pass the producer's `signal`, so that stopping the run stops the model. */
  signal: AbortSignal
  /** Replaces `fetch`. @default The global one */
  fetch?: typeof fetch
}

/**
 * Asks an OpenAI-compatible endpoint for a completion and yields its events as they arrive: a producer for a run. Reads the
 * endpoint no faster than the run stores.
 *
 * @throws {RunFailure} with a reason for readers and a {@link CompletionError} as its cause: the endpoint cannot be reached
 *   or
 *   refuses (`model unavailable`, `model refused`), reports an error or sends anything but a completion (`model failed`),
 *   or its answer ends before `[DONE]` (`model cut off`).
 *
 * @example
 * await runs.start(id, { key: user.id }, ({ signal }) => relayCompletion({ apiKey, body: { model, messages }, signal }))
 */
export async function* relayCompletion(options: CompletionOptions): AsyncGenerator<CompletionOutput, void> {
  const { signal } = options
  const response = await request(options)
  const outputs: CompletionOutput[] = []
  let done = false
  let failure: RunFailure | undefined
  const decoder = createDecoder({
    onMessage: ({ data }) => {
      if (done || failure) return
      if (data === '[DONE]') {
        done = true
        return
      }
      const read = readChunk(data)
      if (read instanceof RunFailure) failure = read
      else outputs.push(...read)
    },
  })
  const reader = response.body!.getReader()
  try {
    while (!done) {
      const chunk = await reader.read()
      if (chunk.done) break
      decoder.feed(chunk.value)
      yield* outputs.splice(0)
      if (failure) throw failure
    }
    if (!done) throw cutOff()
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof RunFailure ? error : cutOff({ cause: error })
  } finally {
    reader.cancel().catch(() => {})
  }
}

function cutOff(options?: ErrorOptions): RunFailure {
  return fail(
    'model cut off',
    'The answer of the model ended before [DONE]. Start a new run.',
    undefined,
    undefined,
    options,
  )
}

function fail(reason: string, problem: string, status?: number, detail?: string, options?: ErrorOptions): RunFailure {
  return new RunFailure(reason, { cause: new CompletionError(problem, status, detail, options) })
}

async function request({ baseUrl, apiKey, headers, body, signal, ...options }: CompletionOptions): Promise<Response> {
  const { fetch = globalThis.fetch } = options
  const url = `${(baseUrl ?? 'https://api.openai.com/v1').replace(/\/+$/, '')}/chat/completions`
  const init: RequestInit = {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      ...headers,
    },
    body: JSON.stringify({ stream_options: { include_usage: true }, ...body, stream: true }),
    signal,
  }
  let response: Response
  try {
    response = await fetch(url, init)
  } catch (cause) {
    signal.throwIfAborted()
    throw fail(
      'model unavailable',
      `The model at ${url} cannot be reached. Check baseUrl and the network.`,
      undefined,
      undefined,
      { cause },
    )
  }
  const { status, ok } = response
  const type = response.headers.get('content-type') ?? ''
  if (ok && response.body && /^text\/event-stream\b/i.test(type)) return response
  const detail = await beginningOf(response)
  if (ok)
    throw fail(
      'model failed',
      `The model at ${url} answered with "${type}" instead of a stream. Check baseUrl.`,
      status,
      detail,
    )
  const later = status >= 500 || status === 429
  const fix = later ? 'Start a new run later.' : 'Check the API key, the model and the rest of the body.'
  throw fail(
    later ? 'model unavailable' : 'model refused',
    `The model at ${url} answered ${status}. ${fix}`,
    status,
    detail,
  )
}

const detailLength = 1_000

/** The first characters of a body, however long it is. */
async function beginningOf({ body }: Response): Promise<string | undefined> {
  if (!body) return undefined
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let read = ''
  try {
    while (read.length < detailLength) {
      const { done, value } = await reader.read()
      if (done) break
      read += decoder.decode(value, { stream: true })
    }
  } catch {
    // The part that arrived before the failure is enough.
  } finally {
    reader.cancel().catch(() => {})
  }
  return read.slice(0, detailLength)
}

function readChunk(data: string): CompletionOutput[] | RunFailure {
  let chunk: unknown
  try {
    chunk = JSON.parse(data)
  } catch (cause) {
    return fail(
      'model failed',
      'The model sent an event that is not JSON. Check baseUrl.',
      undefined,
      data.slice(0, detailLength),
      {
        cause,
      },
    )
  }
  if (!isRecord(chunk))
    return fail(
      'model failed',
      'The model sent an event that is not an object. Check baseUrl.',
      undefined,
      data.slice(0, detailLength),
    )
  if (chunk.error)
    return fail(
      'model failed',
      'The model reported an error. The detail has its text.',
      undefined,
      data.slice(0, detailLength),
    )
  const outputs: CompletionOutput[] = []
  const choice = Array.isArray(chunk.choices) ? chunk.choices[0] : undefined
  if (isRecord(choice)) outputs.push(...readChoice(choice))
  if (isRecord(chunk.usage)) outputs.push({ type: 'completion_usage', payload: readUsage(chunk.usage) })
  return outputs
}

function* readChoice({ delta, finish_reason: reason }: Record<string, unknown>): Iterable<CompletionOutput> {
  if (isRecord(delta)) {
    // Endpoints differ in the name of the reasoning.
    const reasoning = delta.reasoning_content ?? delta.reasoning
    if (isText(reasoning)) yield { type: 'completion_reasoning', payload: { text: reasoning } }
    if (isText(delta.content)) yield { type: 'completion_text', payload: { text: delta.content } }
    if (isText(delta.refusal)) yield { type: 'completion_refusal', payload: { text: delta.refusal } }
    const calls = Array.isArray(delta.tool_calls) ? delta.tool_calls.filter(isRecord) : []
    for (const [place, call] of calls.entries())
      yield { type: 'completion_tool_call', payload: readToolCall(call, place) }
  }
  if (isText(reason)) yield { type: 'completion_finish', payload: { reason } }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function readToolCall({ index, id, function: called }: Record<string, unknown>, place: number): CompletionToolCall {
  const { name, arguments: given } = isRecord(called) ? called : {}
  return {
    index: typeof index === 'number' ? index : place,
    ...(isText(id) ? { callId: id } : {}),
    ...(isText(name) ? { name } : {}),
    arguments: typeof given === 'string' ? given : '',
  }
}

function readUsage(usage: Record<string, unknown>): CompletionUsage {
  const count = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : 0)
  const [inputTokens, outputTokens] = [count(usage.prompt_tokens), count(usage.completion_tokens)]
  return { inputTokens, outputTokens, totalTokens: count(usage.total_tokens) || inputTokens + outputTokens }
}
