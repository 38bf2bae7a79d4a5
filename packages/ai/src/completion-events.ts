import { type ContractOf, defineEvents, type StandardSchemaV1 } from '@rivulet/core'
import { schemaOf } from './schema.js'

type Schema<Payload> = StandardSchemaV1<Payload, Payload>

/** A piece of the answer's text. */
export interface CompletionText {
  readonly text: string
}

/** A piece of a call of a tool. Pieces with the same `index` belong to one call: join their `arguments`. */
export interface CompletionToolCall {
  readonly index: number
  /** The call's id. Only the first piece has it. */
  readonly callId?: string
  /** The tool's name. Only the first piece has it. */
  readonly name?: string
  /** A piece of the arguments, which are JSON. */
  readonly arguments: string
}

/** The reason why the model stopped: `stop`, `length`, `tool_calls`, `content_filter`, or another one of the endpoint. */
export interface CompletionFinish {
  readonly reason: string
}

/** Numbers of tokens. */
export interface CompletionUsage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly totalTokens: number
}

export type CompletionEvents = ContractOf<{
  completion_text: Schema<CompletionText>
  completion_reasoning: Schema<CompletionText>
  completion_refusal: Schema<CompletionText>
  completion_tool_call: Schema<CompletionToolCall>
  completion_finish: Schema<CompletionFinish>
  completion_usage: Schema<CompletionUsage>
}>

const text = schemaOf<CompletionText>(({ text }) => typeof text === 'string', 'Give { text }.')
const isCount = (value: unknown) => typeof value === 'number'

/**
 * The events of a completion. Spread them into the contract of your manager.
 *
 * @example
 * const manager = new EventManager({ events: { ...completionEvents, ...events } })
 */
export const completionEvents: CompletionEvents = defineEvents({
  completion_text: text,
  completion_reasoning: text,
  completion_refusal: text,
  completion_tool_call: schemaOf<CompletionToolCall>(
    ({ index, arguments: given }) => isCount(index) && typeof given === 'string',
    'Give { index, arguments }.',
  ),
  completion_finish: schemaOf<CompletionFinish>(({ reason }) => typeof reason === 'string', 'Give { reason }.'),
  completion_usage: schemaOf<CompletionUsage>(
    ({ inputTokens, outputTokens, totalTokens }) => [inputTokens, outputTokens, totalTokens].every(isCount),
    'Give { inputTokens, outputTokens, totalTokens }.',
  ),
}) as CompletionEvents
