import type { GapReason } from '@rivulet/core'
import type { Awaitable } from '../runtime/awaitable.js'
import type { BackplaneStats } from '../runtime/stats.js'
import type { BackplaneMessage } from './backplane-message.js'
import type { BackplaneRegistry } from './registry.js'
import type { RunStore } from './run-store.js'

export type { BackplaneMessage }

/** An event that the backplane keeps, or kept. */
export interface StoredMessage extends BackplaneMessage {
  /** Its position: unique and rising over all channels of the backplane, also over restarts. */
  readonly position: number
  /** The position of the event before it on the same channel, kept or not; where there was none, that of the channel's beginning. */
  readonly previous: number
}

/** An event as it reaches subscribers: a kept one has a position, one that is only live has none. */
export type LiveMessage =
  | StoredMessage
  | (BackplaneMessage & { readonly position?: undefined; readonly previous?: undefined })

export interface PublishOptions {
  /** Whether the event is kept and gets a position. A channel whose retention is `none` keeps nothing all the same. */
  readonly retain: boolean
  /** A publish with the key of an earlier one on this channel, within the backplane's window, publishes nothing. */
  readonly idempotencyKey?: string | undefined
}

export interface PublishResult {
  /** The event's position; `undefined` for one that is not kept. */
  readonly position: number | undefined
  /** Whether the idempotency key was seen before; `position` is then that of the first publish. */
  readonly duplicate: boolean
}

export interface ReadResult {
  /** The events kept after the asked position, oldest first: fewer than the limit only where there are no more. */
  readonly messages: readonly StoredMessage[]
  /** Whether no event of the channel after the asked position is missing before or among `messages`. */
  readonly continuous: boolean
  /** Why not: `trimmed` (not kept any more) or `restarted` (the backplane knows nothing of that time). */
  readonly reason?: Extract<GapReason, 'trimmed' | 'restarted'>
  /** The position of the channel's newest event, kept or not; where that is not known, one that is not before it. */
  readonly lastPosition: number
  /** Every event with a position up to this one, on any channel, was stored when this was read; later ones are above it. */
  readonly storedPosition: number
  /**
   * A position that time alone decides, not what is published: every event that is published after this read, on any
   * channel, has a higher one. A client may be told it, as it says nothing of the channels that the client does not have.
   */
  readonly clock: number
}

/** Who receives the live events of channels; one per `EventManager`. */
export interface BackplaneSubscriber {
  onMessage(channel: string, message: LiveMessage): void
  /** Live events may be missing here, on one channel or (`undefined`) on all, and the log does not have them either. */
  onGap(channel: string | undefined): void
  /** The backplane failed, or works again (`undefined`). For reporting: nothing else follows from it. */
  onHealth(error: unknown): void
}

/**
 * Where events are sequenced, kept and passed on to every node: the one extension point for scale.
 *
 * A backplane MUST
 * - give positions that rise over all its channels, in the order in which it stores,
 * - store an event before any subscriber gets it,
 * - give each subscriber the events of its channels in the order of their positions, over all channels and subscribers, each once,
 * - carry out `subscribe` and `unsubscribe` in the order of the calls,
 * - announce by `onGap` what it can't give in that order,
 * - know the position of a channel's last event for as long as anyone subscribes to the channel, whatever it still keeps: what
 *   becomes of other channels decides nothing.
 *
 * It MUST NOT
 * - call a subscriber for a channel that it did not subscribe to,
 * - close what its user opened and handed to it,
 * - throw away an event that `publish` acknowledged, other than by its retention.
 *
 * Everything may answer at once or by a promise. `@rivulet/testing/backplane` has the suite that checks all this.
 */
export interface Backplane {
  /** What the nodes tell one another of their streams. Without it, a manager knows of its own alone. */
  readonly registry?: BackplaneRegistry
  /** The streams that end. Without it, there can be no `RunManager`. */
  readonly runs?: RunStore
  /** Sequences, stores and passes on one event. Rejects (or throws) where it is not sure that it did. */
  publish(channel: string, message: BackplaneMessage, options: PublishOptions): Awaitable<PublishResult>
  /** From when this returns (or resolves) on, the subscriber gets each event of the channel. */
  subscribe(channel: string, subscriber: BackplaneSubscriber): Awaitable<void>
  unsubscribe(channel: string, subscriber: BackplaneSubscriber): Awaitable<void>
  /** Up to `limit` events of the channel that are kept after a position; 0 asks for the facts alone. */
  read(channel: string, after: number, limit: number): Awaitable<ReadResult>
  /** The position after which the channel's last `count` events are kept (fewer, where fewer are). */
  seek(channel: string, count: number): Awaitable<number>
  /**
   * Drops the events that a channel keeps. A resume from before them is a gap then; who is live and has them notices
   * nothing, as the position of the last one is still known.
   */
  forget(channel: string): Awaitable<void>
  /** Left out where the events are not in this process. */
  stats?(): BackplaneStats
  /** Frees what the backplane itself made. */
  close(): Awaitable<void>
}
