import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type EventIssue, EventValidationError } from './errors.js'

export type { StandardSchemaV1 }

/**
 * Validates a payload against its event's schema. Returns a promise only if the schema does: most schemas are
 * synchronous and cost no microtask.
 *
 * @returns The schema's output. A transforming schema may change the payload.
 * @throws {EventValidationError} (or rejects with it) when the payload does not fit.
 */
export function validatePayload<Schema extends StandardSchemaV1>(
  type: string,
  schema: Schema,
  payload: unknown,
): StandardSchemaV1.InferOutput<Schema> | Promise<StandardSchemaV1.InferOutput<Schema>> {
  const result = schema['~standard'].validate(payload)
  return isThenable(result)
    ? Promise.resolve(result).then((settled) => outputOf(type, settled))
    : outputOf(type, result)
}

/** Recognizes promises of other realms and libraries. */
function isThenable<T>(result: T | PromiseLike<T>): result is PromiseLike<T> {
  return typeof (result as { then?: unknown } | undefined)?.then === 'function'
}

function outputOf<Output>(type: string, result: StandardSchemaV1.Result<Output>): Output {
  if (result.issues) throw new EventValidationError(type, Array.from(result.issues, toEventIssue))
  if (!('value' in result)) {
    throw new EventValidationError(type, [{ message: 'the schema returned neither a value nor issues', path: [] }])
  }
  return result.value
}

// Array.from, because `map` on a library's own array class returns that class.
function toEventIssue({ message, path = [] }: StandardSchemaV1.Issue): EventIssue {
  return { message, path: Array.from(path, (segment) => (typeof segment === 'object' ? segment.key : segment)) }
}
