import type { ChannelsEvent, OpenEvent } from '@rivulet/core'
import { ChannelProgress } from './channel-progress.js'
import type { ConnectionSink } from './stream-link.js'

/** The channels of a stream, as its connection sees them. */
export interface StreamChannels {
  /** The progress of what was received. */
  readonly progress: ChannelProgress
  /** Returns the names to request: with a cursor, those for which it is true. `undefined`: the route's own choice. */
  namesFor(cursor: string): readonly string[] | undefined
  /** The server has sent the first event of a connection, which was requested with these names. */
  opened(open: OpenEvent, names: readonly string[] | undefined, cursor: string, signal: AbortSignal): void
  /** The server has changed the channels, or says that it could not. The history of the added ones follows. */
  carriedOut(event: ChannelsEvent): void
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

  opened(_open: OpenEvent, names: readonly string[] | undefined): void {
    this.#advance((progress) => progress.open(names, true))
  }

  carriedOut(event: ChannelsEvent): void {
    if (!event.failed) this.#advance((progress) => progress.begin(event))
  }

  caughtUp(): void {
    this.#advance((progress) => progress.end())
  }

  restarted(channel: string | undefined): void {
    this.#advance((progress) => progress.restart(channel))
  }

  lost(): void {}

  closed(): void {}

  #advance(step: (progress: ChannelProgress) => void): void {
    step(this.progress)
    this.#sink.advance(step)
  }
}
