import type { EndState } from '@rivulet/core'
import type { Awaitable } from '../runtime/awaitable.js'
import type { BackplaneMessage } from './backplane-message.js'

/** A kept run, without its events. Positions are those of its channel. */
export interface RunRecord {
  readonly id: string
  /** The owner of the run. */
  readonly key: string | undefined
  readonly state: 'running' | EndState
  /** The reason why it was stopped or failed. */
  readonly reason: string | undefined
  /** In milliseconds since the Unix epoch, by the store's clock. */
  readonly startedAt: number
  readonly endedAt: number | undefined
  /** A position before the run's first event, and after every event of an earlier run with the same id. */
  readonly beginning: number
  /** The position of its terminal event. */
  readonly end: number | undefined
  /** The run is running, but its lease is over: nothing can be appended, and any node may end it. */
  readonly lapsed: boolean
}

/** The parameters of a new run. */
export interface RunCreation {
  /** Identifies the one producer that may append. A secret of its node: `get` and `list` MUST NOT return it. */
  readonly token: string
  readonly key: string | undefined
  /** Time for which the producer may append before it must renew the lease, in milliseconds. */
  readonly leaseMs: number
  /** Time for which the run and its events are kept after its end, in milliseconds. */
  readonly keepMs: number
  /** Maximum characters of event data. Newer events replace the oldest; the terminal event is always kept. */
  readonly maxBytes: number
  /** Maximum number of running runs with this key, including this one, or `Infinity`. */
  readonly maxRunning: number
}

/** The result of a creation: the run with this id, or nothing if no new one is allowed. */
export type RunCreated =
  | { readonly run: RunRecord; readonly created: boolean }
  /** `maxRunning` runs with this key are running already. */
  | { readonly run: undefined; readonly created: false }

/**
 * The party that ends a run: its producer (only while the lease holds), anyone who stops it, or a node that finds the lease
 * lapsed (only if it is).
 */
export type RunEnder = { readonly token: string } | 'anyone' | 'lapsed'

/** The end of a run: its state, and the terminal event that tells it to readers. */
export interface RunEnd {
  readonly state: EndState
  readonly reason: string | undefined
  /** The encoded `rivulet:end` event. */
  readonly message: BackplaneMessage
}

/** Returns the name of the channel that has a run's events. */
export function runChannel(id: string): string {
  return `${prefix}${id}`
}

/** Returns the id of the run whose events a channel has, or `undefined` for other channels. */
export function runOf(channel: string): string | undefined {
  return channel.startsWith(prefix) ? channel.slice(prefix.length) : undefined
}

const prefix = 'rivulet:run:'

/** The event that stands in a run's log where the store has lost events that it had acknowledged. */
export const lossNotice: BackplaneMessage = { type: 'rivulet:gap', data: '{"reason":"backplane"}' }

/**
 * Stores the runs of a backplane: streams with one producer and an end.
 *
 * A run's events are on its channel, `runChannel(id)`, which `read` and `subscribe` of the backplane take like any other. The
 * backplane's retention does not apply to them: the run alone decides how much is kept.
 *
 * Each call is one atomic step over all nodes. A store MUST
 * - assign positions that increase together with those of all other events of the backplane,
 * - store events before passing them to subscribers, and pass them on in order, including the terminal event,
 * - append and renew only for the token that created the run, and only while the run is running and its lease holds: a lapsed
 *   lease is never renewed,
 * - end a run once: it sets state and reason and appends the terminal event in one step, and appends nothing afterwards,
 * - keep the terminal event for as long as the run,
 * - store `lossNotice` at the place of events that it acknowledged and has lost: before the next event if the producer has
 *   counted more than the store has, and before the terminal event if the store cannot tell,
 * - report no continuity (`read`) for a run that it does not know,
 * - measure leases and ages by its own clock, which all nodes share,
 * - accept a call that is repeated with the same arguments after its answer was lost: `create` returns `created: true` to
 *   the token that created the run, and `append` skips the events that it has.
 *
 * It MUST NOT
 * - drop a running run. When it needs memory, it drops runs that ended first, which are unknown from then on, or the oldest
 *   events of a run, which `read` reports,
 * - pass the events of an earlier run with the same id to the readers of a later one.
 */
export interface RunStore {
  /** Returns the run with this id, or creates it. An existing run is returned as it is, whatever the limits are. */
  create(id: string, creation: RunCreation): Awaitable<RunCreated>
  /**
   * Appends events to a run, in order, all or none of them.
   *
   * @param ordinal The number of events of the run before the first of these, as its producer counts. The store skips events
   *   that it already has, which were sent again. If it has fewer, it has lost some, and stores `lossNotice` first. A producer
   *   awaits each call before the next one.
   * @returns False if the token may not append, or no longer: nothing was stored.
   */
  append(id: string, token: string, ordinal: number, messages: readonly BackplaneMessage[]): Awaitable<boolean>
  /**
   * Renews leases for `leaseMs` from now.
   *
   * @returns For each lease, true if it holds.
   */
  renew(
    leases: readonly { readonly id: string; readonly token: string }[],
    leaseMs: number,
  ): Awaitable<readonly boolean[]>
  /**
   * Appends the terminal event and sets the state.
   *
   * @returns True if this call ended the run; false if it had already ended, does not exist, or the ender may not end it.
   */
  finish(id: string, ender: RunEnder, end: RunEnd): Awaitable<boolean>
  /** Finds at most `limit` running runs whose lease is over, and the time until the next lease is over, in milliseconds. */
  lapsed(limit: number): Awaitable<{ readonly ids: readonly string[]; readonly nextMs: number | undefined }>
  get(id: string): Awaitable<RunRecord | undefined>
  /** Lists the kept runs with a key, running or not, the last started first. */
  list(key: string, limit: number): Awaitable<readonly RunRecord[]>
  /**
   * Drops an ended run with its events. A reader that still lacks some of them finds a gap.
   *
   * @returns False if the run is still running: nothing was dropped. True if it is gone, or never existed.
   */
  forget(id: string): Awaitable<boolean>
}
