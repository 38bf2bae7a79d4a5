import type { IteratorOptions } from './delivery/event-iterator.js'
import { development } from './runtime/development.js'
import { ConfigurationError } from './runtime/errors.js'
import type { EventStreamServiceOptions } from './stream-options.js'

type Kind = readonly [test: (value: unknown) => boolean, fix: string]

const milliseconds: Kind = [isAtLeast(0), development ? 'Pass milliseconds, 0 or more.' : '']
const fn: Kind = [(value) => typeof value === 'function', development ? 'Pass a function.' : '']
const text: Kind = [(value) => typeof value === 'string', development ? 'Pass a string.' : '']
const flag: Kind = [(value) => typeof value === 'boolean', development ? 'Pass true or false.' : '']
const settings: Kind = [
  (value) => typeof value === 'boolean' || (typeof value === 'object' && value !== null),
  development ? 'Pass true, false or an object.' : '',
]

const address: Kind = [
  (value) => ['string', 'function'].includes(typeof value) || value instanceof URL,
  development ? 'Pass a string, a URL or a function.' : '',
]
const names: Kind = [
  (value) => Array.isArray(value) && value.every((name) => typeof name === 'string' && name !== ''),
  development ? 'Pass an array of names.' : '',
]

const streamOptions: { readonly [path: string]: Kind } = {
  url: address,
  controlUrl: address,
  channels: names,
  method: text,
  lastEventId: text,
  lastEventIdIn: oneOf('header', 'query'),
  connectTimeoutMs: milliseconds,
  callbackTimeoutMs: milliseconds,
  heartbeatMarginMs: milliseconds,
  idleTimeoutMs: milliseconds,
  maxEventBytes: [isAtLeast(1), development ? 'Pass a number of bytes, 1 or more.' : ''],
  retry: [(value) => typeof value === 'object' && value !== null, development ? 'Pass an object.' : ''],
  'retry.initialMs': milliseconds,
  'retry.maxMs': milliseconds,
  'retry.stableAfterMs': milliseconds,
  'retry.maxAttempts': [isAtLeast(0), development ? 'Pass a number, 0 or more.' : ''],
  fetch: fn,
  onUnauthorized: fn,
  mapMessage: fn,
  until: fn,
  validate: flag,
  idempotent: flag,
  persist: settings,
  'persist.key': text,
  'persist.storage': [isStorage, development ? 'Pass an object with getItem and setItem, such as localStorage.' : ''],
  shared: settings,
  'shared.key': text,
}

const iteratorOptions: { readonly [path: string]: Kind } = {
  bufferSize: [isAtLeast(1), development ? 'Pass a number of events, 1 or more.' : ''],
  overflow: oneOf('pause', 'drop-oldest', 'drop-newest', 'error'),
}

const historyOptions: { readonly [path: string]: Kind } = {
  url: address,
  pageSize: [isAtLeast(1), development ? 'Pass a number of events, 1 or more.' : ''],
}

const bindingOptions: { readonly [path: string]: Kind } = {
  bufferSize: [isAtLeast(0), development ? 'Pass a number of events, 0 or more.' : ''],
  throttleMs: milliseconds,
}

/** @throws {ConfigurationError} when an option has an invalid value. */
export function checkStreamOptions(options: EventStreamServiceOptions): void {
  check(options, streamOptions)
  if (options?.url === undefined)
    throw new ConfigurationError('url', undefined, development ? 'Pass the URL of the stream.' : '')
}

/** @throws {ConfigurationError} if they are not names of channels. */
export function checkChannels(channels: readonly string[]): void {
  check({ channels: channels ?? null }, { channels: names })
}

/** @throws {ConfigurationError} when an option has an invalid value. */
export function checkIteratorOptions(options: IteratorOptions): void {
  check(options, iteratorOptions)
}

/** @throws {ConfigurationError} when an option has an invalid value. */
export function checkHistoryOptions(options: object): void {
  check(options, historyOptions)
}

/** @throws {ConfigurationError} when an option has an invalid value. */
export function checkBindingOptions(options: { bufferSize: number } | { throttleMs: number }): void {
  check(options, bindingOptions)
}

function check(options: object, kinds: { readonly [path: string]: Kind }): void {
  for (const [path, [test, fix]] of Object.entries(kinds)) {
    let value: unknown = options
    for (const key of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[key]
    if (value !== undefined && !test(value)) throw new ConfigurationError(path, value, fix)
  }
}

function isStorage(value: unknown): boolean {
  const { getItem, setItem } = Object(value)
  return typeof getItem === 'function' && typeof setItem === 'function'
}

/** Refuses NaN, the number made from an unset environment variable. */
function isAtLeast(min: number): (value: unknown) => boolean {
  return (value) => typeof value === 'number' && value >= min
}

function oneOf(...values: string[]): Kind {
  return [(value) => values.includes(value as string), development ? `Pass one of: ${values.join(', ')}.` : '']
}
