import { cancelFrame, type Feed, nextFrame } from '@rivulet/client/binding'
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
  #listener: (() => void) | undefined

  /** @param replay Whether the events that the feed has kept come first. */
  constructor(feed: Feed, definitions: readonly EventDefinition[], fold: Fold<Result>, replay: boolean) {
    this.fold = fold
    this.#feed = feed
    this.#definitions = definitions
    this.#initial = fold.result()
    this.#shown = this.#initial
    this.#position = replay ? 0 : feed.settle()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.getSnapshot()
    this.#listener = listener
    if (this.#addUntil(this.#feed.position)) nextFrame(this.refresh)
    const stops = this.#definitions.map((definition) =>
      this.#feed.service.on(definition, (event) => {
        this.fold.add(event)
        nextFrame(this.refresh)
      }),
    )
    return () => {
      for (const stop of stops) stop()
      this.#listener = undefined
      this.#position = this.#feed.position
      if (cancelFrame(this.refresh)) this.refresh()
    }
  }

  /**
   * Rendering and subscribing are two moments, and a hidden <Activity> has no subscription: React learns here of what
   * other components show meanwhile, and renders again.
   */
  readonly getSnapshot = (): Result => {
    if (!this.#listener && this.#addUntil(this.#feed.settle())) this.#shown = this.fold.result()
    return this.#shown
  }

  /** A page that comes from a server begins with what the server could know: no events. */
  readonly getServerSnapshot = (): Result => this.#initial

  /** Shows the fold's result. */
  readonly refresh = (): void => {
    this.#shown = this.fold.result()
    this.#feed.settle()
    this.#listener?.()
  }

  /** Takes in what the feed has kept up to a position. Returns whether there was any. */
  #addUntil(position: number): boolean {
    const types = this.#definitions.map(({ type }) => type)
    const missed = this.#feed.after(this.#position, types, position)
    for (const event of missed) this.fold.add(event)
    if (missed.length > 0) this.#position = position
    return missed.length > 0
  }
}
