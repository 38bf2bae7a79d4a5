import type { ChannelsEvent, OpenEvent } from '@rivulet/core'
import { ChannelProgress } from './channel-progress.js'
import type { ConnectionSink } from './stream-link.js'

/** The channels of a stream, as its connection sees them. */
export interface StreamChannels {
  /** The progress of what was received. */
  readonly progress: ChannelProgress
  /** Returns the names to request: with a cursor, those for which it is true. `undefined`: the route's own choice. */
  namesFor(cursor: string): readonly string[] | undefined
  /**
   * The server has sent the first event of a connection, which was requested with these names. Returns the channels whose
   * history broke off: the client cannot ask for the rest.
   */
  opened(open: OpenEvent, names: readonly string[] | undefined, cursor: string, signal: AbortSignal): readonly string[]
  /**
   * The server has changed the channels, or says that it could not. The history of the added ones follows. Returns the
   * channels whose history broke off.
   */
  carriedOut(event: ChannelsEvent): readonly string[]
  /** A connection has a channel from its cursor on, so the rest of the channel's history will not come. */
  brokeOff(channel: string): void
  /** The history of the added channels is complete. */
  caughtUp(): void
  /** The server counts the IDs of a channel, or of all, from the start again. */
  restarted(channel: string | undefined): void
  /** The connection is lost. */
  lost(): void
  /** The stream is closed. */
  closed(): void
}

/** Channels that only the server changes. */
export class FixedChannels implements StreamChannels {
  readonly progress: ChannelProgress
  readonly #first: readonly string[] | undefined
  readonly #sink: ConnectionSink

  constructor(names: readonly string[] | undefined, sink: ConnectionSink) {
    this.progress = new ChannelProgress(names)
    this.#first = this.progress.have
    this.#sink = sink
  }

  namesFor(cursor: string): readonly string[] | undefined {
    return cursor === '' ? this.#first : this.progress.have
  }

  opened(_open: OpenEvent, names: readonly string[] | undefined, cursor: string): readonly string[] {
    const broken = this.#advance((progress) => progress.open(names, true))
    // Without a cursor everything begins anew, and a gap has told so.
    return cursor === '' ? [] : broken
  }

  carriedOut(event: ChannelsEvent): readonly string[] {
    return event.failed ? [] : this.#advance((progress) => progress.begin(event))
  }

  brokeOff(channel: string): void {
    this.#advance((progress) => progress.breakOff([channel]))
  }

  caughtUp(): void {
    this.#advance((progress) => progress.end())
  }

  restarted(channel: string | undefined): void {
    this.#advance((progress) => progress.restart(channel))
  }

  lost(): void {}

  closed(): void {}

  #advance<Result>(step: (progress: ChannelProgress) => Result): Result {
    const result = step(this.progress)
    this.#sink.advance(step)
    return result
  }
}
