import { parseControlEvent } from '@rivulet/core'
import type { Backplane, BackplaneSubscriber, LiveMessage } from '../backplane/backplane.js'
import { runChannel } from '../backplane/run-store.js'
import type { Outcome } from './production.js'

/** Hears of the end of one run, wherever it was ended. */
export class EndWatch implements BackplaneSubscriber {
  readonly #backplane: Backplane
  readonly #channel: string
  readonly #onMissed: () => void
  #onEnd: ((outcome: Outcome) => void) | undefined
  #beginning = 0
  #ends: { readonly position: number; readonly outcome: Outcome }[] = []

  /** @param onMissed Called when it may have missed something. */
  constructor(backplane: Backplane, id: string, onMissed: () => void) {
    this.#backplane = backplane
    this.#channel = runChannel(id)
    this.#onMissed = onMissed
  }

  /** Resolves when no later end is missed. */
  async begin(): Promise<void> {
    await this.#backplane.subscribe(this.#channel, this)
  }

  /** Calls back when the run that began at a position ends, at once where it did already. */
  tell(beginning: number, onEnd: (outcome: Outcome) => void): void {
    this.#beginning = beginning
    this.#onEnd = onEnd
    for (const { position, outcome } of this.#ends.splice(0)) this.#hear(position, outcome)
  }

  #hear(position: number, outcome: Outcome): void {
    // An earlier run with the same id may have ended too.
    if (position > this.#beginning) this.#onEnd?.(outcome)
  }

  onMessage(_: string, { type, data, position }: LiveMessage): void {
    if (type !== 'rivulet:end' || position === undefined) return
    const event = parseControlEvent({ event: type, data, lastEventId: '' })
    if (event?.type !== 'rivulet:end') return
    const { state, reason } = event
    if (this.#onEnd) this.#hear(position, { state, reason })
    else this.#ends.push({ position, outcome: { state, reason } })
  }

  onGap(): void {
    this.#onMissed()
  }

  // The streams' own channels report it.
  onHealth(): void {}

  async stop(): Promise<void> {
    await this.#backplane.unsubscribe(this.#channel, this)
  }
}
