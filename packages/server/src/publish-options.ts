import type { Stamp } from './delivery/message.js'
import { isReservedChannel } from './nodes/control.js'
import { ConfigurationError } from './runtime/errors.js'
import { checkChannelName } from './streams/answers.js'

export interface PublishEventOptions {
  /** Not empty. @default 'default' */
  channel?: string
  /** `false`: the event goes to those who are connected now; it is not kept, has no id, and never moves a cursor. @default true */
  retain?: boolean
  /**
   * Makes a repeated publish safe: one with the key of an earlier one on the same channel, a while ago, publishes nothing.
   * Not empty.
   */
  idempotencyKey?: string
  /** @default The manager's `source` */
  source?: string
  /** In milliseconds since the Unix epoch; a finite number. @default now */
  timestamp?: number
}

/** How an event is published, with every default. */
export interface Publication {
  readonly channel: string
  readonly retain: boolean
  readonly idempotencyKey: string | undefined
  readonly stamp: Stamp
}

/** @throws {ConfigurationError} when an option has a value that makes no sense. */
export function readPublishOptions(options: PublishEventOptions, stamp: Stamp): Publication {
  const { channel = 'default', retain = true, idempotencyKey, source = stamp.source } = options
  const { timestamp = stamp.timestamp } = options
  checkChannel(channel)
  // An empty one is a variable that was not set: the second event would be taken for the first one.
  if (idempotencyKey !== undefined && (typeof idempotencyKey !== 'string' || idempotencyKey === '')) {
    throw new ConfigurationError('idempotencyKey', idempotencyKey, 'Give a text that is not empty, or leave it out.')
  }
  if (!Number.isFinite(timestamp)) {
    throw new ConfigurationError('timestamp', timestamp, 'Give milliseconds since the Unix epoch, as a finite number.')
  }
  checkSource(source)
  return { channel, retain, idempotencyKey, stamp: { timestamp, source } }
}

/** @throws {ConfigurationError} when the application may not publish to it, or have its history. */
export function checkChannel(channel: string): void {
  checkChannelName('channel', channel)
  if (!isReservedChannel(channel)) return
  const fix = 'Names that begin with "rivulet:" are the SDK\'s own: choose another.'
  throw new ConfigurationError('channel', channel, fix)
}

/** @throws {ConfigurationError} */
export function checkSource(source: unknown): void {
  if (typeof source !== 'string') throw new ConfigurationError('source', source, 'Give a text, or leave it out.')
}
