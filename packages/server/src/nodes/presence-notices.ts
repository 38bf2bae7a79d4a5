import { entryKey, type RegistryChange, type RegistryEntry } from '../backplane/registry.js'
import { tell } from '../runtime/guard.js'
import type { Runtime } from '../runtime/runtime.js'

/** A stream on a channel, on any node. */
export interface PresenceMember {
  readonly connectionId: string
  /** The value that the `presence` callback of its route returned. */
  readonly info: unknown
  /** In milliseconds since the Unix epoch, by the clock of its node. */
  readonly connectedAt: number
}

export interface PresenceChange {
  readonly change: 'join' | 'leave'
  readonly channel: string
  readonly member: PresenceMember
}

/** Tells the application's handler who joined and who left: once each, as far as this node can know. */
export class PresenceNotices {
  readonly #runtime: Runtime
  readonly #onChange: ((change: PresenceChange) => unknown) | undefined
  /** Entries of this node whose join was announced. */
  readonly #joined = new Map<string, RegistryEntry>()
  /** The keys of entries whose join is announced again: another node may have announced their leaving meanwhile. */
  readonly #joinAgain = new Set<string>()

  constructor(runtime: Runtime, onChange: ((change: PresenceChange) => unknown) | undefined) {
    this.#runtime = runtime
    this.#onChange = onChange
  }

  /** Call this when the registry has stored a change of this node. */
  written(change: RegistryChange): void {
    if (!this.#onChange) return
    const { channel, connectionId, member } = change
    const key = entryKey(change)
    const again = this.#joinAgain.delete(key)
    const joined = this.#joined.get(key)
    if (member !== undefined && (!joined || again)) {
      const entry = { channel, connectionId, member }
      this.#joined.set(key, entry)
      this.#tell('join', entry)
    } else if (member === undefined && joined) {
      this.#joined.delete(key)
      this.#tell('leave', joined)
    }
  }

  /** Call this before all entries of this node are written again. Announced entries that are not among them have left. */
  restart(entries: ReadonlyMap<string, RegistryEntry>): void {
    for (const [key, { channel, connectionId }] of this.#joined) {
      if (entries.has(key)) this.#joinAgain.add(key)
      else this.written({ channel, connectionId, member: undefined })
    }
  }

  /** Call this for each entry of a node that died. */
  evicted(entry: RegistryEntry): void {
    this.#tell('leave', entry)
  }

  #tell(change: PresenceChange['change'], entry: RegistryEntry): void {
    const { channel } = entry
    tell(
      () => this.#onChange?.({ change, channel, member: memberOf(entry) }),
      (error) => this.#runtime.report(error, { stage: 'presence', channel }),
    )
  }
}

export function memberOf({ connectionId, member }: RegistryEntry): PresenceMember {
  return { connectionId, ...(JSON.parse(member) as { connectedAt: number; info: unknown }) }
}
