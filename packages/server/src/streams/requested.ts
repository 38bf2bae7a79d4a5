import { InvalidChangeError } from '../runtime/errors.js'

// Reads what a client asks for. It is not trusted: everything has a bound.

/** Limits of the channels that a client may ask for. */
const maxChannels = 1_000
const maxNameChars = 256
/** The largest body of a change, in bytes. */
export const maxChangeBytes = 65_536
/** Ids and cursors are shorter. */
const maxIdChars = 100

/** A change as a client asks for it. */
export interface RequestedChange {
  readonly connectionId: string
  readonly control: string
  readonly requested: readonly string[]
  readonly after: readonly (readonly [channel: string, cursor: string])[]
  readonly change: number | undefined
}

/** Reads the query parameters `channel`. `undefined` if there are none; an empty one asks for no channel. */
export function requestedChannels(query: string): readonly string[] | undefined {
  if (!query.includes('channel=')) return undefined
  const names = new URLSearchParams(query).getAll('channel')
  return names.length === 0 ? undefined : names.filter((name) => name !== '')
}

/** Reads the body of a change: JSON, or what a parser made of it. @throws {InvalidChangeError} */
export function readChange(body: unknown): RequestedChange {
  const fields = parse(body)
  const { connectionId, control, channels, after = {}, change } = fields
  if (!isText(connectionId, maxIdChars)) throw new InvalidChangeError('connectionId', 'Send that of rivulet:open.')
  if (!isText(control, maxIdChars)) throw new InvalidChangeError('control', 'Send that of rivulet:open.')
  if (change !== undefined && !(Number.isSafeInteger(change) && (change as number) >= 0)) {
    throw new InvalidChangeError('change', 'Send an integer of 0 or more, or omit it.')
  }
  return {
    connectionId,
    control,
    requested: readRequested(channels),
    after: readCursors(after),
    change: change as number | undefined,
  }
}

function parse(body: unknown): Record<string, unknown> {
  const text = body instanceof Uint8Array ? new TextDecoder().decode(body) : body
  let fields: unknown = text
  try {
    if (typeof text === 'string') fields = JSON.parse(text)
  } catch {
    fields = undefined
  }
  if (typeof fields === 'object' && fields !== null) return fields as Record<string, unknown>
  throw new InvalidChangeError('body', 'Send a JSON object.')
}

function readRequested(channels: unknown): readonly string[] {
  const names = distinctNames(channels)
  if (names) return names
  throw new InvalidChangeError('channels', `Send an array of ${nameRule}.`)
}

/** The rule for the names that a client may ask for. */
export const nameRule: string = `at most ${maxChannels} names, each of 1 to ${maxNameChars} characters`

/** Reads names of channels. @returns Distinct names; `undefined` if they break the rule. */
export function distinctNames(names: unknown): readonly string[] | undefined {
  if (!Array.isArray(names) || names.length > maxChannels) return undefined
  const valid = names.every((name) => isText(name, maxNameChars) && !/\p{Surrogate}/u.test(name))
  return valid ? [...new Set(names as string[])] : undefined
}

function readCursors(after: unknown): (readonly [string, string])[] {
  const fix = 'Send an object with a cursor for some of the channels, or omit it.'
  if (typeof after !== 'object' || after === null) throw new InvalidChangeError('after', fix)
  const entries = Object.entries(after)
  if (entries.length > maxChannels) throw new InvalidChangeError('after', fix)
  for (const [name, cursor] of entries) {
    if (!isText(name, maxNameChars) || !isText(cursor, maxIdChars)) throw new InvalidChangeError('after', fix)
  }
  return entries
}

function isText(value: unknown, maxChars: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= maxChars
}
