import type { Clock } from '@rivulet/core'
import type { Backplane, BackplaneSubscriber, LiveMessage } from '../backplane/backplane.js'
import { reservedPrefix } from '../backplane/reserved-channel.js'
import type { SharedStep } from '../runtime/guard.js'
import { Listening } from './listening.js'
import type { Order, SentOrder } from './order.js'
import { Recent } from './recent.js'

export interface ControlTarget {
  /** @param position The order does not apply to streams that were authorized at this position or later. */
  carryOut(order: Order, position: number): void
  /** Ends every stream, so that each client reconnects and is authorized again. */
  reauthorize(): void
}

/** Carries orders to all nodes, with the same guarantees as any channel: stored, ordered, repaired after a break. */
const controlChannel = `${reservedPrefix}control`
const types: ReadonlySet<string> = new Set<Order['type']>(['disconnect', 'join', 'leave'])
const retryMs = 1_000

/** Sends orders to all nodes, and has those that arrive carried out. */
export class Control implements BackplaneSubscriber {
  /** Every order up to this position was carried out here. It does not apply to streams that are authorized later. */
  position = 0
  readonly #clock: Clock
  readonly #backplane: Backplane
  readonly #target: ControlTarget
  readonly #listening: Listening
  /** The orders carried out. If the backplane loses its data, every node publishes them again. */
  readonly #recent: Recent
  #last: number | undefined
  #closed = false

  constructor(clock: Clock, backplane: Backplane, target: ControlTarget) {
    this.#clock = clock
    this.#backplane = backplane
    this.#target = target
    this.#recent = new Recent(() => clock.now())
    this.#listening = new Listening(backplane, controlChannel, this, (storedPosition) => {
      this.position = Math.max(this.position, storedPosition)
    })
  }

  /** The step to wait for before authorizing a stream: once it is done, every later order reaches this node. */
  ready(): SharedStep | undefined {
    return this.#listening.ready()
  }

  /** Resolves when the order is stored: from then on it reaches every node. */
  async send(order: Order): Promise<void> {
    await this.#publish({ id: crypto.randomUUID(), ...order })
  }

  async #publish({ type, ...order }: SentOrder): Promise<void> {
    const options = { retain: true, idempotencyKey: order.id }
    await this.#backplane.publish(controlChannel, { type, data: JSON.stringify(order) }, options)
  }

  onMessage(_: string, message: LiveMessage): void {
    const { type, position, previous, data } = message
    if (position !== undefined) {
      if (this.#last !== undefined && previous !== this.#last) this.#target.reauthorize()
      this.#last = position
    }
    // Later versions may publish messages of other types.
    if (!types.has(type)) return
    const order = { position, ...JSON.parse(data), type } as SentOrder
    if (!this.#recent.add(order)) return
    this.#target.carryOut(order, order.position ?? Infinity)
    if (position !== undefined) this.position = Math.max(this.position, position)
  }

  /** The orders that were carried out after a position; `undefined` if that is not known any more. */
  since(position: number): readonly Order[] | undefined {
    return position >= this.position ? [] : this.#recent.since(position)
  }

  onGap(channel: string | undefined): void {
    this.#last = undefined
    if (channel === undefined) {
      // The backplane lost its data. Other nodes may have missed orders that this one carried out.
      for (const order of this.#recent.all()) this.#publishAgain(order)
    } else this.#target.reauthorize()
  }

  #publishAgain(order: SentOrder): void {
    if (this.#closed) return
    this.#publish(order).catch(() => {
      this.#clock.setTimeout(() => this.#publishAgain(order), retryMs)
    })
  }

  // The fan-out reports the backplane's health already.
  onHealth(): void {}

  async close(): Promise<void> {
    this.#closed = true
    await this.#listening.close()
  }
}
