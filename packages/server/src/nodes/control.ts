import type { Clock } from '@rivulet/core'
import type { Backplane, BackplaneSubscriber, LiveMessage } from '../backplane/backplane.js'
import type { Awaitable } from '../runtime/awaitable.js'
import type { StreamSelector } from './stream-selector.js'

interface Disconnect {
  readonly id: string
  readonly selector: StreamSelector
  readonly reason: string
  /** Its position when it was first published; `undefined` when that is this time. */
  readonly position?: number | undefined
}

export interface ControlTarget {
  /** @param before Streams that were authorized at this position or later are not concerned. */
  disconnect(selector: StreamSelector, reason: string, before: number): void
  /** Ends every stream for its client to come back, and be authorized anew. */
  reauthorize(): void
}

const prefix = 'rivulet:'
/** What concerns the streams of all nodes. An event on it is as sure as any other: stored, in order, repaired after a break. */
const controlChannel = `${prefix}control`
const type = 'disconnect'

/** Whether a channel's name is the SDK's own: no stream may have it, and no user publish to it. */
export function isReservedChannel(name: string): boolean {
  return name.startsWith(prefix)
}

/** How many disconnects are remembered, and for how long: longer than any node is away. */
const maxRecent = 1_000
const recentMs = 3_600_000
const retryMs = 1_000

/** Tells all nodes which streams to end, and ends those of this node that another one told it to. */
export class Control implements BackplaneSubscriber {
  /** Up to this position everything was carried out here. A stream that was authorized later is not concerned by it. */
  position = 0
  readonly #clock: Clock
  readonly #backplane: Backplane
  readonly #target: ControlTarget
  /** What was carried out, with the time: if the backplane loses its data, the nodes tell one another again. */
  readonly #recent = new Map<string, { readonly disconnect: Disconnect; readonly time: number }>()
  #ready: Awaitable<void> | undefined
  #listening = false
  #last: number | undefined
  #closed = false

  constructor(clock: Clock, backplane: Backplane, target: ControlTarget) {
    this.#clock = clock
    this.#backplane = backplane
    this.#target = target
  }

  /** Resolves when every later disconnect reaches this node. To be awaited before a stream is authorized. */
  ready(): Awaitable<void> {
    if (this.#listening) return
    this.#ready ??= this.#listen().finally(() => {
      this.#ready = undefined
    })
    return this.#ready
  }

  async #listen(): Promise<void> {
    await this.#backplane.subscribe(controlChannel, this)
    const { storedPosition } = await this.#backplane.read(controlChannel, 0, 0)
    this.position = Math.max(this.position, storedPosition)
    this.#listening = true
  }

  /** Resolves when it is stored: from then on it reaches every node. */
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
    // What a later version may say is not for this one.
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
      // The backplane lost its data. What one node had been told, another one may have missed.
      for (const { disconnect } of this.#recent.values()) this.#tellAgain(disconnect)
    } else this.#target.reauthorize()
  }

  #tellAgain(disconnect: Disconnect): void {
    if (this.#closed) return
    this.#publish(disconnect).catch(() => {
      this.#clock.setTimeout(() => this.#tellAgain(disconnect), retryMs)
    })
  }

  // The streams' own channels report it.
  onHealth(): void {}

  async close(): Promise<void> {
    this.#closed = true
    if (this.#listening || this.#ready) await this.#backplane.unsubscribe(controlChannel, this)
  }
}
