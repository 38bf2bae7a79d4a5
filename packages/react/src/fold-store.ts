import type { Feed } from '@rivulet/client/binding'
import { cancelFrame, nextFrame } from '@rivulet/client/binding'
import type { BaseEvent, EventDefinition } from '@rivulet/core'

/** What becomes of events, one after the other. */
export interface Fold<Result> {
  /** Called with every event at once. */
  add(event: BaseEvent): void
  /** Called once per frame, and only after events. */
  result(): Result
}

/**
 * What one hook shows of the stream, as React's external store. Events are taken in as they come, so that what waits for
 * a frame does not grow with their number; the result is replaced once per frame.
 */
export class FoldStore<Result> {
  readonly fold: Fold<Result>
  readonly #feed: Feed
  readonly #definitions: readonly EventDefinition[]
  readonly #initial: Result
  #shown: Result
  /** Up to where the feed's events are in the fold, while nothing is subscribed. */
  #position: number
  #listener = (): void => {}

  /** @param replay Whether the events that the feed has kept come first. */
  constructor(feed: Feed, definitions: readonly EventDefinition[], fold: Fold<Result>, replay: boolean) {
    this.fold = fold
    this.#feed = feed
    this.#definitions = definitions
    this.#initial = fold.result()
    this.#shown = this.#initial
    this.#position = replay ? 0 : feed.position
    this.#catchUp()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    const { service } = this.#feed
    this.#listener = listener
    // Rendering and subscribing are two moments, and a hidden <Activity> has no subscription.
    this.#catchUp()
    const stops = this.#definitions.map((definition) => service.on(definition, (event) => this.#add(event)))
    return () => {
      for (const stop of stops) stop()
      this.#position = this.#feed.position
      if (cancelFrame(this.refresh)) this.#shown = this.fold.result()
    }
  }

  readonly getSnapshot = (): Result => this.#shown

  /** A page that comes from a server begins with what the server could know: no events. */
  readonly getServerSnapshot = (): Result => this.#initial

  /** Shows the fold's result. */
  readonly refresh = (): void => {
    this.#shown = this.fold.result()
    this.#listener()
  }

  #add(event: BaseEvent): void {
    this.fold.add(event)
    nextFrame(this.refresh)
  }

  #catchUp(): void {
    const types = this.#definitions.map(({ type }) => type)
    const missed = this.#feed.after(this.#position, types)
    if (missed.length === 0) return
    for (const event of missed) this.fold.add(event)
    this.#position = this.#feed.position
    this.#shown = this.fold.result()
  }
}
