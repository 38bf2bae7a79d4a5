import { checkName } from '../backplane/name.js'
import { isReservedChannel } from '../backplane/reserved-channel.js'
import { ConfigurationError } from '../runtime/errors.js'
import { disregard, isThenable } from '../runtime/guard.js'
import type { Refusal } from '../sinks/sink.js'
import { Refused } from './admission.js'

// Reads the answers of the functions in a stream's options. The application's types may be wrong and its objects may have
// getters, so each property is read once, and anything not clearly allowed is refused.

/** A validated admission. */
export interface ReadAdmission {
  readonly context: unknown
  readonly key: string | undefined
  /** Milliseconds since the Unix epoch; `Infinity` for never. */
  readonly expiresAt: number
}

export const everyone: ReadAdmission = { context: undefined, key: undefined, expiresAt: Infinity }

/**
 * Reads an answer of `authorize`.
 *
 * @throws {Refused} if it refuses the request.
 * @throws {ConfigurationError} if it is neither an admission nor a refusal: a forgotten `return` must not let everyone in.
 */
export function readAuthorization(answer: unknown): ReadAdmission {
  if (answer === true) return everyone
  if (answer === false) throw new Refused({ status: 403 })
  if (typeof answer !== 'object' || answer === null) {
    throw new ConfigurationError('authorize()', answer, 'Return true, false, { context } or { status }.')
  }
  if ('status' in answer) throw new Refused(readRefusal('authorize()', answer))
  if (!('context' in answer)) {
    const fix = 'Return { context } or true to accept the request, or { status } to refuse it.'
    throw new ConfigurationError('authorize()', 'an object without a context', fix)
  }
  const { context, key, expiresAt } = answer as { context: unknown; key?: unknown; expiresAt?: unknown }
  if (context === undefined || context === null) throw new Refused({ status: 401 })
  if (isThenable(context)) {
    disregard(context)
    throw new ConfigurationError('authorize().context', 'a promise', 'Await it first: it may resolve to undefined.')
  }
  return { context, key: readKey(key), expiresAt: readExpiry(expiresAt) }
}

function readKey(key: unknown): string | undefined {
  if (key === undefined || (typeof key === 'string' && key !== '')) return key
  throw new ConfigurationError('authorize().key', key, 'Return a non-empty string, or omit it.')
}

function readExpiry(expiresAt: unknown): number {
  if (expiresAt === undefined) return Infinity
  const time = expiresAt instanceof Date ? expiresAt.getTime() : expiresAt
  if (typeof time === 'number' && !Number.isNaN(time)) return time
  const fix = 'Return milliseconds since the Unix epoch or a valid Date, or omit it.'
  throw new ConfigurationError('authorize().expiresAt', expiresAt, fix)
}

/** Headers that determine the end of the body. A wrong value would leave the client waiting. */
const framing = /^(content-length|transfer-encoding)$/i
/** Names and values that HTTP can carry. */
const headerName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/i
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/

/** @param name The function that answered. @throws {ConfigurationError} if it is not a refusal. */
export function readRefusal(name: string, answer: object): Refusal {
  const { status, message, headers } = answer as { status: unknown; message?: unknown; headers?: unknown }
  if (!Number.isInteger(status) || !(status === 204 || ((status as number) >= 300 && (status as number) <= 599))) {
    throw new ConfigurationError(`${name}.status`, status, 'Return an HTTP status: 204, or 300 to 599.')
  }
  if (message !== undefined && typeof message !== 'string') {
    throw new ConfigurationError(`${name}.message`, message, 'Return a string, or omit it.')
  }
  return { status: status as number, message, headers: readHeaders(name, headers) }
}

function readHeaders(from: string, headers: unknown): Record<string, string> | undefined {
  if (headers === undefined) return undefined
  if (typeof headers !== 'object' || headers === null) {
    throw new ConfigurationError(`${from}.headers`, headers, 'Return an object of strings, or omit it.')
  }
  const read: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string' || framing.test(name) || !headerName.test(name) || !headerValue.test(value)) {
      throw new ConfigurationError(
        `${from}.headers.${name}`,
        value,
        'Return a string that HTTP can carry, and omit Content-Length and Transfer-Encoding.',
      )
    }
    read[name.toLowerCase()] = value
  }
  return read
}

/**
 * Reads the channels of a stream.
 *
 * @returns Distinct names, in alphabetical order.
 * @throws {Refused} with 403 if there are none, or one is reserved for Rivulet.
 * @throws {ConfigurationError} if they are not an array of names.
 */
export function readChannelNames(answer: unknown): readonly string[] {
  if (!Array.isArray(answer)) throw new ConfigurationError('channels', answer, 'Return an array of names.')
  const names: unknown[] = [...answer]
  for (const name of names) checkName('channels', name)
  if (names.length === 0 || (names as string[]).some(isReservedChannel)) throw new Refused({ status: 403 })
  return names.length === 1 ? (names as string[]) : [...new Set(names as string[])].sort()
}

/**
 * Reads an answer of `presence`.
 *
 * @returns JSON; `undefined` if the stream is hidden.
 * @throws {ConfigurationError} if the value has no JSON form, and any error of serializing it.
 */
export function readPresence(answer: unknown): string | undefined {
  const json = JSON.stringify(answer) as string | undefined
  if (json === undefined && answer !== undefined) {
    throw new ConfigurationError('presence()', answer, 'Return a JSON value, or undefined to hide the stream.')
  }
  return json
}
