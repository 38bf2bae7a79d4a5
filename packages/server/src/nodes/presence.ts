import {
  type BackplaneRegistry,
  entryKey,
  type NodeInfo,
  type RegistryChange,
  type RegistryEntry,
} from '../backplane/registry.js'
import type { ConnectionInfo } from '../runtime/connection-info.js'
import { ConfigurationError } from '../runtime/errors.js'
import type { Runtime } from '../runtime/runtime.js'
import { memberOf, type PresenceChange, type PresenceMember, PresenceNotices } from './presence-notices.js'

// Registers the streams of this node, and evicts nodes that died.

export interface PresenceOptions {
  /**
   * Called when a stream joins or leaves a channel: once, on one node, after `presence(channel)` shows the change. That is
   * the stream's own node, or another one if that node died. Errors that it throws or rejects with go to `onError`.
   *
   * Streams join again when their node was taken for dead and returns, or when the backplane lost its data. If the
   * backplane fails while a dead node is evicted, leaves may go unannounced: rely on `presence(channel)`.
   */
  onChange?: (change: PresenceChange) => unknown
  /** A node that is silent for this many milliseconds is taken for dead, and its streams for gone. @default 15_000 */
  nodeTimeoutMs?: number
}

/** Maximum number of changes in one call. */
const batch = 256

/** Registers this node's streams, and evicts nodes that died. */
export class Presence {
  readonly #runtime: Runtime
  readonly #registry: BackplaneRegistry
  readonly #node: string
  readonly #connections: () => number
  readonly #notices: PresenceNotices
  readonly #timeoutMs: number
  /** The entries that the registry should have of this node. */
  readonly #entries = new Map<string, RegistryEntry>()
  /** The changes that it does not have yet. */
  readonly #pending = new Map<string, RegistryChange>()
  /** Changes that were sent to the registry: it may have them. */
  readonly #offered = new WeakSet<RegistryChange>()
  #beatDue = false
  /** The registry may lack entries of this node or have outdated ones: all are written again. */
  #anew = false
  #working: Promise<void> | undefined
  #timer: unknown
  #failing = false
  #begun = false
  #closed = false

  /** @throws {ConfigurationError} if the timeout is not a number of milliseconds, 1 or more. */
  constructor(
    runtime: Runtime,
    registry: BackplaneRegistry,
    { node, connections, options = {} }: { node: string; connections: () => number; options?: PresenceOptions },
  ) {
    const { nodeTimeoutMs = 15_000 } = options
    if (!(nodeTimeoutMs >= 1)) {
      throw new ConfigurationError('presence.nodeTimeoutMs', nodeTimeoutMs, 'Pass milliseconds, 1 or more.')
    }
    this.#runtime = runtime
    this.#registry = registry
    this.#node = node
    this.#connections = connections
    this.#notices = new PresenceNotices(runtime, options.onChange)
    this.#timeoutMs = nodeTimeoutMs
  }

  /** Starts to beat. It stops when there are no streams. */
  begin(): void {
    if (this.#timer === undefined && !this.#closed) this.#tick()
  }

  #tick(): void {
    this.#begun = true
    this.#timer = this.#runtime.clock.setTimeout(() => this.#tick(), this.#timeoutMs / 3)
    this.#beatDue = true
    this.#work()
  }

  /** @param info A JSON text. */
  join({ id: connectionId, channels, connectedAt }: ConnectionInfo, info: string): void {
    this.#enter(connectionId, channels, `{"connectedAt":${connectedAt},"info":${info}}`)
    this.#work()
  }

  leave({ id: connectionId, channels }: ConnectionInfo): void {
    this.#leave(connectionId, channels)
    if (this.#connections() === 0) this.#beatDue = true
    this.#work()
  }

  /** Makes a stream that changed its channels a member of the added ones, unless it is hidden. */
  move(
    { id: connectionId, channels }: ConnectionInfo,
    { added, removed }: { added: readonly string[]; removed: readonly string[] },
  ): void {
    const known = [...channels, ...removed].map((channel) => this.#entries.get(entryKey({ channel, connectionId })))
    const member = known.find((entry) => entry !== undefined)?.member
    if (member === undefined) return
    this.#leave(connectionId, removed)
    this.#enter(connectionId, added, member)
    this.#work()
  }

  #enter(connectionId: string, channels: readonly string[], member: string): void {
    for (const channel of channels) {
      const entry = { channel, connectionId, member }
      this.#entries.set(entryKey(entry), entry)
      this.#pending.set(entryKey(entry), entry)
    }
  }

  #leave(connectionId: string, channels: readonly string[]): void {
    for (const channel of channels) {
      const change = { channel, connectionId, member: undefined }
      const key = entryKey(change)
      const entry = this.#entries.get(key)
      if (!entry) continue
      this.#entries.delete(key)
      // The registry never got this entry. Queuing its removal would let short-lived streams pile up during an outage.
      if (this.#pending.get(key) === entry && !this.#offered.has(entry)) this.#pending.delete(key)
      else this.#pending.set(key, change)
    }
  }

  async members(channel: string): Promise<PresenceMember[]> {
    return (await this.#registry.members(channel)).map(memberOf)
  }

  async count(channel: string): Promise<number> {
    return (await this.#registry.count?.(channel)) ?? (await this.#registry.members(channel)).length
  }

  async nodes(): Promise<readonly NodeInfo[]> {
    return this.#registry.nodes()
  }

  /** Resolves when this node has left, or when leaving failed. */
  async close(): Promise<void> {
    this.#closed = true
    this.#stop()
    await this.#working
    if (!this.#begun) return
    this.#beatDue = true
    this.#work()
    await this.#working
  }

  #stop(): void {
    this.#runtime.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #work(): void {
    if (this.#working) return
    const isDue = this.#beatDue || (this.#pending.size > 0 && !this.#failing)
    if (!isDue) return
    this.#working = this.#run().finally(() => {
      this.#working = undefined
    })
  }

  /** Runs one call after the other, so that the registry gets changes in order. Failed changes wait for the next beat. */
  async #run(): Promise<void> {
    let refused = false
    try {
      while (this.#beatDue || this.#pending.size > 0) {
        // The last beat comes after the last changes, every other one before them.
        const beats = this.#closed ? this.#pending.size === 0 : this.#beatDue
        if (beats) await this.#beat()
        else if (!(await this.#write())) {
          if (refused) throw new Error('The registry does not know this node, although its heartbeat just succeeded.')
          refused = true
          this.#beatDue = true
          if (this.#closed) this.#pending.clear()
        }
      }
      this.#failing = false
      if (this.#connections() === 0) this.#stop()
    } catch (error) {
      if (!this.#failing) this.#runtime.report(error, { stage: 'presence' })
      this.#failing = true
    }
  }

  async #write(): Promise<boolean> {
    const changes: RegistryChange[] = []
    for (const change of this.#pending.values()) {
      this.#offered.add(change)
      if (changes.push(change) === batch) break
    }
    if (!(await this.#registry.update(this.#node, changes))) return false
    for (const change of changes) {
      const key = entryKey(change)
      // A newer change may have taken its place during the call.
      if (this.#pending.get(key) === change) this.#pending.delete(key)
      this.#notices.written(change)
    }
    return true
  }

  async #beat(): Promise<void> {
    this.#beatDue = false
    const state = { connections: this.#connections(), ttlMs: this.#closed ? 0 : this.#timeoutMs }
    const { known, lapsed } = await this.#registry.beat(this.#node, state)
    if (!known) this.#anew = true
    if (this.#anew) await this.#writeAnew()
    for (const node of lapsed) await this.#evict(node, (entry) => this.#notices.evicted(entry))
  }

  async #writeAnew(): Promise<void> {
    await this.#evict(this.#node, () => {})
    this.#anew = false
    this.#pending.clear()
    for (const [key, entry] of this.#entries) this.#pending.set(key, entry)
    this.#notices.restart(this.#entries)
  }

  async #evict(node: string, onEach: (entry: RegistryEntry) => void): Promise<void> {
    for (;;) {
      const entries = await this.#registry.evict(node, this.#node)
      if (entries.length === 0) return
      entries.forEach(onEach)
    }
  }
}
