import type { Backplane, BackplaneSubscriber, LiveMessage } from '../backplane/backplane.js'
import { reservedPrefix } from '../backplane/reserved-channel.js'
import type { SharedStep } from '../runtime/guard.js'
import { Listening } from './listening.js'

/** Channels that a client asked for, and that its route granted. */
export interface GrantedChange {
  readonly connectionId: string
  /** The secret that the client knows. */
  readonly control: string
  /** The key of its authorization. */
  readonly key: string | undefined
  /** Distinct, in alphabetical order. */
  readonly channels: readonly string[]
  /** For some added channels, the cursor up to which the client has everything of them. */
  readonly after: readonly (readonly [channel: string, cursor: string])[]
  /** The client's number of the change. */
  readonly change: number | undefined
  /** The position of the last order that was carried out before its authorization began. See `Control`. */
  readonly admittedPosition: number
}

export interface ChangeTarget {
  /** Tells if a connection is, or was, on this node. */
  has(connectionId: string): boolean
  change(change: GrantedChange): void
  /** Changes for streams of this node may be lost. */
  onLost(): void
}

/**
 * Carries changes to the node that has the stream. Not on the channel of orders: clients that change often must not wear out
 * the log from which a node learns of the disconnects that it missed.
 */
const changesChannel = `${reservedPrefix}changes`
const type = 'change'

/** Passes on changes of streams that are on other nodes. */
export class ChangeRelay implements BackplaneSubscriber {
  readonly #backplane: Backplane
  readonly #target: ChangeTarget
  readonly #listening: Listening
  #last: number | undefined

  constructor(backplane: Backplane, target: ChangeTarget) {
    this.#backplane = backplane
    this.#target = target
    this.#listening = new Listening(backplane, changesChannel, this)
  }

  /** The step to wait for before a stream opens that may be changed on other nodes. */
  ready(): SharedStep | undefined {
    return this.#listening.ready()
  }

  /** Resolves when the change is stored. */
  async pass(change: GrantedChange): Promise<void> {
    await this.#backplane.publish(changesChannel, { type, data: JSON.stringify(change) }, { retain: true })
  }

  onMessage(_: string, { type: messageType, position, previous, data }: LiveMessage): void {
    if (position !== undefined) {
      if (this.#last !== undefined && previous !== this.#last) this.#target.onLost()
      this.#last = position
    }
    // Later versions may publish messages of other types.
    if (messageType !== type) return
    const change = JSON.parse(data) as GrantedChange
    if (this.#target.has(change.connectionId)) this.#target.change(change)
  }

  onGap(): void {
    this.#last = undefined
    this.#target.onLost()
  }

  // The fan-out reports the backplane's health already.
  onHealth(): void {}

  close(): Promise<void> {
    return this.#listening.close()
  }
}
