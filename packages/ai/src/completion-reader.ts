import { RunFailure } from '@rivulet/server'
import type { CompletionFinish, CompletionText, CompletionToolCall, CompletionUsage } from './completion-events.js'
import { CompletionError } from './errors.js'
import { isRecord } from './schema.js'

/** One event of a completion, as a run publishes it. */
export type CompletionOutput =
  | {
      readonly type: 'completion_text' | 'completion_reasoning' | 'completion_refusal'
      readonly payload: CompletionText
    }
  | { readonly type: 'completion_tool_call'; readonly payload: CompletionToolCall }
  | { readonly type: 'completion_finish'; readonly payload: CompletionFinish }
  | { readonly type: 'completion_usage'; readonly payload: CompletionUsage }

/** Number of characters of an endpoint's answer that an error keeps. */
export const detailLength = 1_000

/** Facts for the log about a completion that failed. */
export interface FailureFacts {
  readonly status?: number | undefined
  readonly detail?: string | undefined
  readonly cause?: unknown
}

/** A failure with a reason for readers and facts for the log. */
export function failure(reason: string, problem: string, { status, detail, cause }: FailureFacts = {}): RunFailure {
  const options = cause === undefined ? undefined : { cause }
  const error = new CompletionError(problem, status, detail?.slice(0, detailLength), options)
  return new RunFailure(reason, { cause: error })
}

interface Call {
  readonly index: number
  readonly callId: string | undefined
}

/** Turns the messages of one completion's stream into outputs. It reads the first choice only. */
export class CompletionReader {
  #done = false
  #finished = false
  #usage: CompletionUsage | undefined
  /** The call that pieces with an index belong to, by the endpoint's index. Some endpoints give all calls the same one. */
  readonly #calls = new Map<number, Call>()
  #nextCall = 0

  /** The endpoint has said that nothing follows. */
  get isDone(): boolean {
    return this.#done
  }

  /** The whole answer has come: some endpoints send a finish reason, but no `[DONE]`. */
  get isComplete(): boolean {
    return this.#done || this.#finished
  }

  /** @throws {RunFailure} for an error that the endpoint reports, or a message that does not belong to a completion. */
  read(event: string, data: string): CompletionOutput[] {
    if (data === '[DONE]') {
      this.#done = true
      return []
    }
    if (event === 'error')
      throw failure('model failed', 'The model reported an error. The detail has its text.', { detail: data })
    let chunk: unknown
    try {
      chunk = JSON.parse(data)
    } catch (cause) {
      throw failure('model failed', 'The model sent an event that is not JSON. Check baseUrl.', { detail: data, cause })
    }
    if (!isRecord(chunk))
      throw failure('model failed', 'The model sent an event that is not an object. Check baseUrl.', { detail: data })
    if (chunk.error || chunk.object === 'error')
      throw failure('model failed', 'The model reported an error. The detail has its text.', { detail: data })
    if (isRecord(chunk.usage)) this.#usage = readUsage(chunk.usage)
    const choices = Array.isArray(chunk.choices) ? chunk.choices.filter(isRecord) : []
    const choice = choices.find(({ index }) => typeof index !== 'number' || index === 0)
    return choice ? [...this.#readChoice(choice)] : []
  }

  /** The last output: the usage, which some endpoints count up in each message. */
  end(): CompletionOutput[] {
    return this.#usage ? [{ type: 'completion_usage', payload: this.#usage }] : []
  }

  *#readChoice({ delta, finish_reason: reason }: Record<string, unknown>): Iterable<CompletionOutput> {
    if (isRecord(delta)) {
      // Endpoints differ in the name of the reasoning, and some send the content in parts.
      const reasoning = textOf(delta.reasoning_content ?? delta.reasoning) || partsOf(delta.content, 'thinking')
      const text = textOf(delta.content) || partsOf(delta.content, 'text')
      const refusal = textOf(delta.refusal)
      if (reasoning) yield { type: 'completion_reasoning', payload: { text: reasoning } }
      if (text) yield { type: 'completion_text', payload: { text } }
      if (refusal) yield { type: 'completion_refusal', payload: { text: refusal } }
      const calls = Array.isArray(delta.tool_calls) ? delta.tool_calls.filter(isRecord) : []
      for (const [place, call] of calls.entries())
        yield { type: 'completion_tool_call', payload: this.#readToolCall(call, place) }
    }
    if (typeof reason === 'string' && reason !== '') {
      this.#finished = true
      yield { type: 'completion_finish', payload: { reason } }
    }
  }

  #readToolCall({ index, id, function: called }: Record<string, unknown>, place: number): CompletionToolCall {
    const { name, arguments: given } = isRecord(called) ? called : {}
    const callId = textOf(id)
    const key = typeof index === 'number' ? index : place
    let call = this.#calls.get(key)
    // A piece with a name and another id begins a call, whatever its index.
    if (!call || (callId && textOf(name) && call.callId !== undefined && call.callId !== callId)) {
      call = { index: call ? this.#nextCall : Math.max(key, this.#nextCall), callId: callId || undefined }
      this.#calls.set(key, call)
      this.#nextCall = Math.max(this.#nextCall, call.index + 1)
    }
    return {
      index: call.index,
      ...(callId ? { callId } : {}),
      ...(textOf(name) ? { name: textOf(name) } : {}),
      arguments: isRecord(given) ? JSON.stringify(given) : textOf(given),
    }
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The text of a content that is a list of parts, `{ type, [type]: text }`. Thinking is a list again. */
function partsOf(content: unknown, type: 'text' | 'thinking'): string {
  if (!Array.isArray(content)) return ''
  const parts = content.filter((part) => isRecord(part) && part.type === type) as Record<string, unknown>[]
  return parts.map((part) => textOf(part[type]) || partsOf(part[type], 'text')).join('')
}

function readUsage(usage: Record<string, unknown>): CompletionUsage {
  const count = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : 0)
  const [inputTokens, outputTokens] = [count(usage.prompt_tokens), count(usage.completion_tokens)]
  return { inputTokens, outputTokens, totalTokens: count(usage.total_tokens) || inputTokens + outputTokens }
}
