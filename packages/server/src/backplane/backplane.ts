import type { GapReason } from '@rivulet/core'
import type { Awaitable } from '../runtime/awaitable.js'
import type { BackplaneStats } from '../runtime/stats.js'
import type { BackplaneMessage } from './backplane-message.js'
import type { BackplaneRegistry } from './registry.js'
import type { RunStore } from './run-store.js'

export type { BackplaneMessage }

/** A kept event. */
export interface StoredMessage extends BackplaneMessage {
  /** Unique and increasing over all channels of the backplane, also across restarts. */
  readonly position: number
  /** The position of the previous event on the same channel, kept or not. For the first event: the channel's beginning. */
  readonly previous: number
}

/** An event as subscribers receive it. Events that are not kept have no position. */
export type LiveMessage =
  | StoredMessage
  | (BackplaneMessage & { readonly position?: undefined; readonly previous?: undefined })

/**
 * The client of an open database transaction, as `pg` or `postgres` have it. For a query builder, pass an object with a
 * `query` method that runs a statement with `$1`, `$2`, … in its transaction.
 */
export type PublishTransaction =
  | { query(text: string, values: (string | null)[]): PromiseLike<{ readonly rows: readonly unknown[] }> }
  | { unsafe(text: string, values: (string | null)[]): PromiseLike<readonly unknown[]> }

export interface PublishOptions {
  /** Keeps the event and gives it a position. A channel with the retention `none` keeps nothing in any case. */
  readonly retain: boolean
  /** Publishes nothing if an event was published on this channel with the same key, within the backplane's window. */
  readonly idempotencyKey?: string | undefined
  /** Publishes the event exactly if this transaction commits. Only for a `transactional` backplane. */
  readonly transaction?: PublishTransaction | undefined
}

export interface PublishResult {
  /** The event's position; `undefined` if it is not kept, or gets its position when a transaction commits. */
  readonly position: number | undefined
  /** The idempotency key was seen before, and `position` is that of the first publish. */
  readonly duplicate: boolean
}

export interface ReadResult {
  /** Kept events after the requested position, oldest first. Fewer than the limit only if there are no more. */
  readonly messages: readonly StoredMessage[]
  /** No event of the channel is missing between the requested position and the last of `messages`. */
  readonly continuous: boolean
  /** The reason if `continuous` is false: `trimmed` (no longer kept) or `restarted` (the backplane does not reach back that far). */
  readonly reason?: Extract<GapReason, 'trimmed' | 'restarted'>
  /** The position of the channel's newest event, kept or not; if unknown, that position or a later one. */
  readonly lastPosition: number
  /** Every event up to this position, on any channel, was stored at the time of this read. Later events have higher positions. */
  readonly storedPosition: number
  /**
   * A position made from the time alone: every event published after this read, on any channel, has a higher one. It is
   * safe to send to a client, because it reveals nothing about channels that the client does not have.
   */
  readonly clock: number
}

/** The receiver of live events; one per `EventManager`. */
export interface BackplaneSubscriber {
  onMessage(channel: string, message: LiveMessage): void
  /** Live events may be missing at this point, on one channel or (`undefined`) on all. The log does not have them either. */
  onGap(channel: string | undefined): void
  /** The backplane failed, or works again (`undefined`). For reporting only. */
  onHealth(error: unknown): void
}

/**
 * Orders events, keeps them and passes them on to every node: the one extension point for scale.
 *
 * A backplane MUST
 * - assign positions that increase over all its channels, in the order in which it stores,
 * - store an event before passing it to any subscriber,
 * - pass each subscriber the events of its channels once and in the order of their positions, over all channels and subscribers,
 * - carry out `subscribe` and `unsubscribe` in the order of the calls,
 * - announce by `onGap` every event that it cannot deliver in that order,
 * - know the position of a channel's last event for as long as anyone subscribes to the channel, whether or not it still
 *   keeps the event, and whatever happens on other channels.
 *
 * Names of channels and keys are texts without lone surrogates, and not empty.
 *
 * It MUST NOT
 * - call a subscriber for a channel that it did not subscribe to,
 * - close a client or database that it was given,
 * - drop an event that `publish` acknowledged, except by its retention.
 *
 * Every method may be synchronous or return a promise. `@rivulet/testing/backplane` has a suite that checks these rules.
 */
export interface Backplane {
  /** The backplane carries out the publish option `transaction`. Otherwise managers refuse it. */
  readonly transactional?: boolean
  /** The streams of all nodes. Without it, a manager knows only its own. */
  readonly registry?: BackplaneRegistry
  /** Storage of runs. Without it, there can be no `RunManager`. */
  readonly runs?: RunStore
  /** Orders, stores and passes on one event. Throws or rejects unless it is certain that the event is stored. */
  publish(channel: string, message: BackplaneMessage, options: PublishOptions): Awaitable<PublishResult>
  /** Once this returns or resolves, the subscriber receives every event of the channel. */
  subscribe(channel: string, subscriber: BackplaneSubscriber): Awaitable<void>
  unsubscribe(channel: string, subscriber: BackplaneSubscriber): Awaitable<void>
  /** Reads up to `limit` kept events of the channel after a position; 0 for the metadata alone. */
  read(channel: string, after: number, limit: number): Awaitable<ReadResult>
  /**
   * Finds the position after which the channel's last `count` kept events follow, or all of them if they are fewer. With
   * `before`, only events at lower positions count: a read from the result then returns those first.
   */
  seek(channel: string, count: number, before?: number): Awaitable<number>
  /**
   * Drops the kept events of a channel. A resume from before them finds a gap. A client that already has them notices
   * nothing, because the position of the last one stays known.
   */
  forget(channel: string): Awaitable<void>
  /** Omitted if the events are kept outside this process. */
  stats?(): BackplaneStats
  /**
   * Reads the position up to which a transaction sees every event, and none after it. A `transactional` backplane has this
   * method.
   */
  storedPosition?(transaction: PublishTransaction): Awaitable<number>
  /** Frees the resources that the backplane itself created. */
  close(): Awaitable<void>
}
