import type { PublishTransaction } from './backplane/backplane.js'
import { checkName } from './backplane/name.js'
import { isReservedChannel } from './backplane/reserved-channel.js'
import type { Stamp } from './delivery/frame.js'
import { ConfigurationError } from './runtime/errors.js'

export interface PublishEventOptions {
  /** Not empty, and without lone surrogates. @default 'default' */
  channel?: string
  /** `false` sends the event only to clients that are connected now: it is not kept, has no id, and moves no cursor. @default true */
  retain?: boolean
  /**
   * Makes it safe to repeat a publish: nothing is published if the same key was used on this channel recently (see the
   * backplane's `idempotencyWindowMs`). Not empty, and without lone surrogates.
   */
  idempotencyKey?: string
  /**
   * Publishes the event exactly if this database transaction commits, in its place among the commits. Pass the client on which
   * it was begun. `id` is then `undefined`, because events get their ids when they are committed. Needs a backplane that
   * stores events in the same database: `@rivulet/backplane-postgres`.
   */
  transaction?: PublishTransaction
  /** @default The manager's `source` */
  source?: string
  /** In milliseconds since the Unix epoch; a finite number. @default The current time */
  timestamp?: number
}

/** Validated publish options with all defaults. */
export interface Publication {
  readonly channel: string
  readonly retain: boolean
  readonly idempotencyKey: string | undefined
  readonly transaction: PublishTransaction | undefined
  readonly stamp: Stamp
}

/** @throws {ConfigurationError} if an option has an invalid value. */
export function readPublishOptions(options: PublishEventOptions, stamp: Omit<Stamp, 'channel'>): Publication {
  const { channel = 'default', retain = true, idempotencyKey, source = stamp.source, transaction } = options
  const { timestamp = stamp.timestamp } = options
  checkChannel(channel)
  // An empty key is likely an unset variable: the second event would be taken for a repetition of the first.
  if (idempotencyKey !== undefined) checkName('idempotencyKey', idempotencyKey)
  if (!Number.isFinite(timestamp)) {
    throw new ConfigurationError('timestamp', timestamp, 'Pass milliseconds since the Unix epoch, as a finite number.')
  }
  checkSource(source)
  checkTransaction(transaction)
  return { channel, retain, idempotencyKey, transaction, stamp: { timestamp, source, channel } }
}

/** @throws {ConfigurationError} if the name is invalid or belongs to the SDK. */
export function checkChannel(channel: string): void {
  checkName('channel', channel)
  if (!isReservedChannel(channel)) return
  const fix = 'Names that begin with "rivulet:" are reserved. Choose another one.'
  throw new ConfigurationError('channel', channel, fix)
}

function checkTransaction(transaction: unknown): void {
  if (transaction === undefined) return
  const type = typeof transaction
  if ((type === 'object' && transaction !== null) || type === 'function') return
  // Without this check, an event would be sent whether or not the transaction commits.
  const fix = 'Pass the client on which the transaction was begun, or omit it.'
  throw new ConfigurationError('transaction', transaction, fix)
}

/** @throws {ConfigurationError} */
export function checkSource(source: unknown): void {
  if (typeof source !== 'string') throw new ConfigurationError('source', source, 'Pass a string, or omit it.')
}
