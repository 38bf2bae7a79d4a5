import { entryKey, type RegistryChange, type RegistryEntry } from '../backplane/registry.js'
import { tell } from '../runtime/guard.js'
import type { Runtime } from '../runtime/runtime.js'

/** A stream that is on a channel, on whichever node. */
export interface PresenceMember {
  readonly connectionId: string
  /** What the `presence` function of its route gave. */
  readonly info: unknown
  /** Since when it is open, in milliseconds since the Unix epoch, by the clock of its node. */
  readonly since: number
}

export interface PresenceChange {
  readonly change: 'join' | 'leave'
  readonly channel: string
  readonly member: PresenceMember
}

/** Tells the user's handler who came and who left: once each, as far as this node can know. */
export class PresenceNotices {
  readonly #runtime: Runtime
  readonly #onChange: ((change: PresenceChange) => unknown) | undefined
  /** The streams of this node that were told to have joined, each with each of its channels. */
  readonly #joined = new Map<string, RegistryEntry>()
  /** Of these, those whose join is told again: another node may have told meanwhile that they left. */
  readonly #joinAgain = new Set<string>()

  constructor(runtime: Runtime, onChange: ((change: PresenceChange) => unknown) | undefined) {
    this.#runtime = runtime
    this.#onChange = onChange
  }

  /** The registry has a change of this node. */
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

  /** All that this node has is about to be written anew. Who is not among it has left unnoticed. */
  restart(entries: ReadonlyMap<string, RegistryEntry>): void {
    for (const [key, { channel, connectionId }] of this.#joined) {
      if (entries.has(key)) this.#joinAgain.add(key)
      else this.written({ channel, connectionId, member: undefined })
    }
  }

  /** A stream of a node that died. */
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
  return { connectionId, ...(JSON.parse(member) as { since: number; info: unknown }) }
}
