import { randomUUID } from 'node:crypto'
import type { Backplane, BackplaneSubscriber, LiveMessage, ReadResult } from '../backplane/backplane.js'
import type { Awaitable } from '../runtime/awaitable.js'
import { tell } from '../runtime/guard.js'
import type { FrameSocket } from './frame-socket.js'
import { toWire } from './wire.js'

/** The answer to `goLive`. Everything later is sent. */
export interface WentLive {
  /** Channels of which the worker missed a live-only event or a gap, which no log contains. */
  readonly missed: readonly string[]
  /** The number of live-only events and gaps until now. */
  readonly unlogged: number
  /** Every event up to this position is stored. */
  readonly storedPosition: number
}

/**
 * The subscriptions of one worker. They outlive a broken connection for a while and count what no log contains, live-only
 * events and gaps. So the host knows on which channels the worker missed any.
 */
export class HostLink implements BackplaneSubscriber {
  readonly id: string = randomUUID()
  readonly #backplane: Backplane
  /** The channels, with the subscriptions of the backplane. */
  readonly #channels = new Map<string, Awaitable<void>>()
  #unlogged = 0
  /** The number of the last live-only event or gap of each channel. */
  readonly #lastUnlogged = new Map<string, number>()
  #socket: FrameSocket | undefined
  /** True once the worker has caught up: everything is sent to it. */
  #live = false

  constructor(backplane: Backplane) {
    this.#backplane = backplane
  }

  get attached(): boolean {
    return this.#socket !== undefined
  }

  /** Takes over a new connection of the worker, with all channels that it is subscribed to. */
  async attach(socket: FrameSocket, channels: readonly string[]): Promise<void> {
    this.#socket?.destroy()
    this.#socket = socket
    this.#live = false
    const wanted = new Set(channels)
    for (const channel of [...this.#channels.keys()]) if (!wanted.has(channel)) this.unsubscribe(channel)
    await Promise.all(channels.map((channel) => this.#subscribe(channel)))
  }

  /** Keeps the subscriptions without a connection. @returns False if another connection has taken over. */
  detach(socket: FrameSocket): boolean {
    if (this.#socket !== socket) return false
    this.#socket = undefined
    this.#live = false
    return true
  }

  /** @param received The number up to which the worker has live-only events and gaps. */
  async goLive(received: number): Promise<WentLive> {
    this.#live = true
    const unlogged = this.#unlogged
    const missed = [...this.#lastUnlogged].filter(([, last]) => last > received).map(([channel]) => channel)
    return { missed, unlogged, storedPosition: await this.storedPosition() }
  }

  /** @returns A position from which on the worker receives every event of the channel. */
  async subscribe(channel: string): Promise<number> {
    await this.#subscribe(channel)
    return this.storedPosition()
  }

  #subscribe(channel: string): Awaitable<void> {
    if (this.#channels.has(channel)) return this.#channels.get(channel)
    const subscribed = this.#backplane.subscribe(channel, this)
    this.#channels.set(channel, subscribed)
    // A failed subscription is tried again by the next call.
    tell(
      () => subscribed,
      () => this.#channels.get(channel) === subscribed && this.#channels.delete(channel),
    )
    return subscribed
  }

  unsubscribe(channel: string): void {
    this.#lastUnlogged.delete(channel)
    if (!this.#channels.delete(channel)) return
    tell(
      () => this.#backplane.unsubscribe(channel, this),
      (error) => this.onHealth(error),
    )
  }

  /** Reads several logs in one call: a worker that comes back has many. */
  readAll(reads: readonly (readonly [channel: string, after: number, limit: number])[]): Promise<ReadResult[]> {
    return Promise.all(reads.map(([channel, after, limit]) => this.#backplane.read(channel, after, limit)))
  }

  /** The position up to which all events are stored. Without a channel nothing depends on it. */
  async storedPosition(): Promise<number> {
    for (const channel of this.#channels.keys()) return (await this.#backplane.read(channel, 0, 0)).storedPosition
    return 0
  }

  dispose(): void {
    for (const channel of [...this.#channels.keys()]) this.unsubscribe(channel)
    this.#socket?.destroy()
  }

  onMessage(channel: string, message: LiveMessage): void {
    if (message.position === undefined) this.#lastUnlogged.set(channel, ++this.#unlogged)
    if (this.#live) this.#socket!.send(['message', channel, message])
  }

  onGap(channel: string | undefined): void {
    this.#unlogged++
    for (const name of channel === undefined ? this.#channels.keys() : [channel]) {
      this.#lastUnlogged.set(name, this.#unlogged)
    }
    if (this.#live) this.#socket!.send(['gap', channel])
  }

  onHealth(error: unknown): void {
    if (this.#live) this.#socket!.send(['health', error === undefined ? undefined : toWire(error)])
  }
}
