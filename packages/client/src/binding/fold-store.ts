import type { BaseEvent, EventDefinition } from '@rivulet/core'
import type { Feed, FeedSubscriber } from './feed.js'

/** Makes a result of events, one after the other. */
export interface Fold<Result> {
  /** Called with every event at once. An event that makes it throw is skipped. */
  add(event: BaseEvent): void
  /** Called once per frame, and only after events. */
  result(): Result
}

/**
 * Holds what one hook or composable shows. It takes events in as they come, so that what waits for a frame does not grow
 * with their number, and replaces `result` once per frame.
 */
export class FoldStore<Result> implements FeedSubscriber {
  readonly feed: Feed
  readonly definitions: readonly EventDefinition[]
  /** Result of no events: what a page shows that comes from a server. */
  readonly initial: Result
  /** Result that is shown. Never changed, only replaced. */
  result: Result
  readonly #fold: Fold<Result>
  readonly #types: readonly string[]
  /** Position up to which events are in the fold, until it subscribes. */
  #position: number | undefined
  #listener: ((result: Result) => void) | undefined
  #errors: unknown[] = []
  #subscribed = false
  #changed = false

  /** @param since Position to begin after, as far as events are kept: 0 for all. `undefined`: where it subscribes. */
  constructor(feed: Feed, definitions: readonly EventDefinition[], fold: Fold<Result>, since: number | undefined) {
    this.feed = feed
    this.definitions = definitions
    this.#types = [...new Set(definitions.map(({ type }) => type))]
    this.#fold = fold
    this.initial = fold.result()
    this.#position = since
    this.result = this.#addUntil(feed.committed) ? fold.result() : this.initial
  }

  /** Whether it folds these types of this feed. */
  isOf(feed: Feed, definitions: readonly EventDefinition[]): boolean {
    return this.feed === feed && sameTypes(this.definitions, definitions)
  }

  /** Takes events in until the returned function is called. What came since it was made is made up for. */
  subscribe(): () => void {
    const { feed } = this
    this.#subscribed = true
    // Shown is what the others show, also where that has changed since.
    if (this.#addUntil(feed.committed)) this.result = this.#fold.result()
    if (this.#addUntil(feed.position)) {
      this.#changed = true
      feed.catchUp()
    }
    this.#position = undefined
    this.#reportErrors()
    const stop = feed.subscribe(this)
    return () => {
      stop()
      this.#subscribed = false
      this.#position = feed.position
    }
  }

  /** Calls the listener with each new result, and at once where it is not the one that is rendered. */
  watch(rendered: Result, listener: (result: Result) => void): () => void {
    this.#listener = listener
    if (this.result !== rendered) listener(this.result)
    return () => {
      this.#listener = undefined
    }
  }

  take(event: BaseEvent): void {
    this.#changed = true
    this.#add(event)
    this.#reportErrors()
  }

  show(): void {
    if (!this.#changed) return
    this.#changed = false
    this.result = this.#fold.result()
    this.#listener?.(this.result)
  }

  /** Takes in what the feed has kept up to a position. Returns whether there was any. */
  #addUntil(position: number): boolean {
    if (this.#position === undefined || position <= this.#position) return false
    const missed = this.feed.after(this.#position, this.#types, position)
    for (const event of missed) this.#add(event)
    this.#position = position
    return missed.length > 0
  }

  #add(event: BaseEvent): void {
    try {
      this.#fold.add(event)
    } catch (error) {
      this.#errors.push(error)
    }
  }

  /** Not while a component is rendered: that may be thrown away and done again. */
  #reportErrors(): void {
    if (this.#errors.length === 0 || !this.#subscribed) return
    for (const error of this.#errors.splice(0)) this.feed.report(error)
  }
}

/** Whether two lists of definitions have the same types. A contract that is made anew is no other one. */
function sameTypes(a: readonly EventDefinition[], b: readonly EventDefinition[]): boolean {
  return a.length === b.length && a.every(({ type }, index) => type === b[index]!.type)
}

/** One definition or several, as a list. */
export function listOf<Definition extends EventDefinition>(
  definitions: Definition | readonly Definition[],
): readonly Definition[] {
  return 'type' in definitions ? [definitions as Definition] : (definitions as readonly Definition[])
}
