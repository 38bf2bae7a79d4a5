import type { Backplane, BackplaneSubscriber } from '../backplane/backplane.js'
import { SharedStep } from '../runtime/guard.js'

/** The subscription to a channel between nodes, begun when it is first needed. */
export class Listening {
  readonly #backplane: Backplane
  readonly #channel: string
  readonly #subscriber: BackplaneSubscriber
  readonly #onBegun: (storedPosition: number) => void
  #ready: SharedStep | undefined
  #listening = false

  /** @param onBegun Gets a position: every message after it reaches the subscriber. */
  constructor(
    backplane: Backplane,
    channel: string,
    subscriber: BackplaneSubscriber,
    onBegun: (storedPosition: number) => void = () => {},
  ) {
    this.#backplane = backplane
    this.#channel = channel
    this.#subscriber = subscriber
    this.#onBegun = onBegun
  }

  /** The step to wait for until every later message reaches the subscriber. */
  ready(): SharedStep | undefined {
    if (this.#listening) return undefined
    this.#ready ??= new SharedStep(
      this.#listen().finally(() => {
        this.#ready = undefined
      }),
    )
    return this.#ready
  }

  async #listen(): Promise<void> {
    await this.#backplane.subscribe(this.#channel, this.#subscriber)
    const { storedPosition } = await this.#backplane.read(this.#channel, 0, 0)
    this.#onBegun(storedPosition)
    this.#listening = true
  }

  async close(): Promise<void> {
    if (this.#listening || this.#ready) await this.#backplane.unsubscribe(this.#channel, this.#subscriber)
  }
}
