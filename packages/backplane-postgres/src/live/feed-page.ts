import type { LiveMessage } from '@rivulet/server'

/** A stored event, in the order of all events. Live-only events have a position only here. */
export interface FeedEvent {
  readonly channel: string
  readonly position: number
  readonly message: LiveMessage
}

/** The events after a cursor. */
export interface FeedPage {
  /** Every event up to this position is in this page or an earlier one. */
  readonly upTo: number
  /** Nothing is known before this position. */
  readonly origin: number
  /** The highest position of a deleted live-only event. */
  readonly liveFloor: number
  /** There are more events. */
  readonly more: boolean
  /** In the order of their positions. */
  readonly events: readonly FeedEvent[]
  /** Channels of which events after the cursor were deleted, with the highest position of these. */
  readonly lost: readonly { readonly channel: string; readonly position: number }[]
}

/** The table of events. */
export interface FeedSource {
  /**
   * Reads events after a cursor; `undefined` reads none, and gives the present as `upTo`. `channels` limits the answer;
   * `undefined` has all channels.
   */
  read(after: number | undefined, channels: readonly string[] | undefined): Promise<FeedPage>
}
