import type { Clock } from '@rivulet/core'
import type { Backplane, BackplaneSubscriber, LiveMessage } from '../backplane/backplane.js'
import { reservedPrefix } from '../backplane/reserved-channel.js'
import { SharedStep } from '../runtime/guard.js'
import type { StreamSelector } from './stream-selector.js'

interface Disconnect {
  readonly id: string
  readonly selector: StreamSelector
  readonly reason: string
  /** The position of its first publish; `undefined` in that first publish itself. */
  readonly position?: number | undefined
}

export interface ControlTarget {
  /** @param position Streams that were authorized at this position or later stay open. */
  disconnect(selector: StreamSelector, reason: string, position: number): void
  /** Ends every stream, so that each client reconnects and is authorized again. */
  reauthorize(): void
}

/** Carries disconnects to all nodes, with the same guarantees as any channel: stored, ordered, repaired after a break. */
const controlChannel = `${reservedPrefix}control`
const type = 'disconnect'

/** Limits of the remembered disconnects, by number and age. No node is away for longer. */
const maxRecent = 1_000
const recentMs = 3_600_000
const retryMs = 1_000

/** Sends disconnects to all nodes, and carries out those that arrive. */
export class Control implements BackplaneSubscriber {
  /** Every disconnect up to this position was carried out here. It does not apply to streams that are authorized later. */
  position = 0
  readonly #clock: Clock
  readonly #backplane: Backplane
  readonly #target: ControlTarget
  /** The disconnects carried out, with their times. If the backplane loses its data, every node publishes them again. */
  readonly #recent = new Map<string, { readonly disconnect: Disconnect; readonly time: number }>()
  #ready: SharedStep | undefined
  #listening = false
  #last: number | undefined
  #closed = false

  constructor(clock: Clock, backplane: Backplane, target: ControlTarget) {
    this.#clock = clock
    this.#backplane = backplane
    this.#target = target
  }

  /** The step to wait for before authorizing a stream: once it is done, every later disconnect reaches this node. */
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
    await this.#backplane.subscribe(controlChannel, this)
    const { storedPosition } = await this.#backplane.read(controlChannel, 0, 0)
    this.position = Math.max(this.position, storedPosition)
    this.#listening = true
  }

  /** Resolves when the disconnect is stored: from then on it reaches every node. */
  async disconnect(selector: StreamSelector, reason: string): Promise<void> {
    await this.#publish({ id: crypto.randomUUID(), selector, reason })
  }

  async #publish(disconnect: Disconnect): Promise<void> {
    const options = { retain: true, idempotencyKey: disconnect.id }
    await this.#backplane.publish(controlChannel, { type, data: JSON.stringify(disconnect) }, options)
  }

  onMessage(_: string, message: LiveMessage): void {
    const { position, previous, data } = message
    if (position !== undefined) {
      if (this.#last !== undefined && previous !== this.#last) this.#target.reauthorize()
      this.#last = position
    }
    // Later versions may publish messages of other types.
    if (message.type !== type) return
    const disconnect: Disconnect = { position, ...JSON.parse(data) }
    if (this.#recent.has(disconnect.id)) return
    this.#remember(disconnect)
    const { selector, reason } = disconnect
    this.#target.disconnect(selector, reason, disconnect.position ?? Infinity)
    if (position !== undefined) this.position = Math.max(this.position, position)
  }

  #remember(disconnect: Disconnect): void {
    const now = this.#clock.now()
    this.#recent.set(disconnect.id, { disconnect, time: now })
    for (const [id, { time }] of this.#recent) {
      if (this.#recent.size <= maxRecent && now - time <= recentMs) break
      this.#recent.delete(id)
    }
  }

  onGap(channel: string | undefined): void {
    this.#last = undefined
    if (channel === undefined) {
      // The backplane lost its data. Other nodes may have missed disconnects that this one carried out.
      for (const { disconnect } of this.#recent.values()) this.#publishAgain(disconnect)
    } else this.#target.reauthorize()
  }

  #publishAgain(disconnect: Disconnect): void {
    if (this.#closed) return
    this.#publish(disconnect).catch(() => {
      this.#clock.setTimeout(() => this.#publishAgain(disconnect), retryMs)
    })
  }

  // The fan-out reports the backplane's health already.
  onHealth(): void {}

  async close(): Promise<void> {
    this.#closed = true
    if (this.#listening || this.#ready) await this.#backplane.unsubscribe(controlChannel, this)
  }
}
