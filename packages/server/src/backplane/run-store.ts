import type { EndState } from '@rivulet/core'
import type { Awaitable } from '../runtime/awaitable.js'
import type { BackplaneMessage } from './backplane-message.js'

/** A run as it is kept, without its events. Positions are those of its channel. */
export interface RunRecord {
  readonly id: string
  /** Whose run it is. */
  readonly key: string | undefined
  readonly state: 'running' | EndState
  /** Why it was stopped or failed. */
  readonly reason: string | undefined
  /** By the store's clock, in milliseconds since the Unix epoch. */
  readonly startedAt: number
  readonly endedAt: number | undefined
  /** A position before the run's first event, and after every event of an earlier run with the same id. */
  readonly beginning: number
  /** The position of its terminal event. */
  readonly end: number | undefined
  /** It is running, and its lease is over: nothing can be appended, and any node may end it. */
  readonly lapsed: boolean
}

/** How a run is created. */
export interface RunCreation {
  /** Names the one producer that may append. A secret of the node: `get` and `list` MUST NOT give it. */
  readonly token: string
  readonly key: string | undefined
  /** For how many milliseconds the producer may append before it has to renew. */
  readonly leaseMs: number
  /** For how many milliseconds after its end the run is kept, with its events. */
  readonly keepMs: number
  /** How many characters of event data it keeps, the newest; the terminal event is kept in any case. */
  readonly maxBytes: number
  /** How many runs with this key may be running, this one included; `Infinity`: any number. */
  readonly maxRunning: number
}

/** The outcome of a creation: the run with this id, or the refusal of a new one. */
export type RunCreated =
  | { readonly run: RunRecord; readonly created: boolean }
  /** As many runs with this key are running as may. */
  | { readonly run: undefined; readonly created: false }

/**
 * Who ends a run: its producer (only while its lease holds), anyone who stops it, or a node that noticed that the lease is
 * over (only if it is).
 */
export type RunEnder = { readonly token: string } | 'anyone' | 'lapsed'

/** How a run ends: its state, and the terminal event that says the same to readers. */
export interface RunEnd {
  readonly state: EndState
  readonly reason: string | undefined
  /** `rivulet:end`, encoded as its data. */
  readonly message: BackplaneMessage
}

/** The name of the channel that has a run's events. */
export function runChannel(id: string): string {
  return `${prefix}${id}`
}

/** The id of the run whose events a channel has; `undefined` for every other channel. */
export function runOf(channel: string): string | undefined {
  return channel.startsWith(prefix) ? channel.slice(prefix.length) : undefined
}

const prefix = 'rivulet:run:'

/**
 * The runs of a backplane: streams with one producer, and an end.
 *
 * A run's events are those of its channel, `runChannel(id)`. `read` and `subscribe` of the backplane take that channel like
 * any other. The run decides alone what is kept of it, whatever the retention of the backplane says.
 *
 * Each call is one atomic step over all nodes. A store MUST
 * - give positions that rise with those of all other events of the backplane,
 * - store before it passes on to subscribers, and pass on in order, the terminal event included,
 * - append and renew only for the token that created the run, only while it is running and its lease is not over: a lease that
 *   is over is never renewed,
 * - end a run once: state, reason and terminal event come into being in the same step, and nothing is appended after it,
 * - keep the terminal event for as long as the run,
 * - claim no continuity (`read`) for a run that it does not know,
 * - judge leases and ages by a clock that all nodes share, its own,
 * - carry out a call that is repeated with the same arguments, after an answer that was lost, as if it were the first: `create`
 *   answers `created: true` to the token that created the run, and `append` leaves out what it has.
 *
 * It MUST NOT
 * - drop a run that is running. In need of memory it drops the oldest events, which `read` tells, and then the runs that ended
 *   first, which are unknown from then on,
 * - give the events of an earlier run with the same id to the readers of a later one.
 */
export interface RunStore {
  /** Gives the run with this id, or creates it. A run that exists is given as it is, whatever the limits say. */
  create(id: string, creation: RunCreation): Awaitable<RunCreated>
  /**
   * Appends events to a run, in order, and all or none of them.
   *
   * @param ordinal How many events of the run come before the first of these, counted from 0 by its producer. What the store has
   *   already (it was sent again) is left out. A producer sends no events before the ones before them were answered.
   * @returns False where the token may not append (any more): nothing was stored then.
   */
  append(id: string, token: string, ordinal: number, messages: readonly BackplaneMessage[]): Awaitable<boolean>
  /**
   * Has leases hold for `leaseMs` from now.
   *
   * @returns For each of them whether it holds.
   */
  renew(
    leases: readonly { readonly id: string; readonly token: string }[],
    leaseMs: number,
  ): Awaitable<readonly boolean[]>
  /**
   * Appends the terminal event and sets the state.
   *
   * @returns Whether this call ended the run. False where it had ended before, does not exist, or the ender may not.
   */
  finish(id: string, ender: RunEnder, end: RunEnd): Awaitable<boolean>
  /** Finds runs that are running and whose lease is over, at most `limit`, and in how many milliseconds the next lease is. */
  lapsed(limit: number): Awaitable<{ readonly ids: readonly string[]; readonly nextMs: number | undefined }>
  get(id: string): Awaitable<RunRecord | undefined>
  /** The runs with a key that are kept, running or not, the last started first. */
  list(key: string, limit: number): Awaitable<readonly RunRecord[]>
  /**
   * Drops a run that has ended, with its events. A reader that still lacks some of them finds a gap.
   *
   * @returns False where it is still running: nothing was dropped. True where it is gone, also if there was none.
   */
  forget(id: string): Awaitable<boolean>
}
