import type { ChannelsEvent } from '@rivulet/core'

// Knows which channels are complete up to the cursor, and how far the history of the others has come.

/**
 * A client's progress on its channels. A connection has one for what it received, and the dispatcher one for what it delivered.
 *
 * A client asks for channels by names, and the server answers with channels, which are the same unless the route maps them.
 */
export class ChannelProgress {
  /** Names of which everything up to the cursor has come. `undefined`: the client has never asked for channels by name. */
  have: readonly string[] | undefined
  /** The last ID of each channel whose history is incomplete; '' before its first one. */
  partial: Map<string, string> = new Map()
  /** Those among them that the server added by itself. The client cannot ask for the rest of their history. */
  joined: readonly string[] = []
  /** The last ID of each of those when a connection broke. Their events up to it may come again, because the cursor may be behind. */
  given: ReadonlyMap<string, string> = new Map()

  constructor(have: readonly string[] | undefined) {
    this.have = have && sortedNames(have)
  }

  copy({ have, partial, joined, given }: ChannelProgress): void {
    this.have = have
    this.given = given
    this.partial = new Map(partial)
    this.joined = joined
  }

  /** A connection begins with these names. If they are `complete`, no history is missing. */
  open(asked: readonly string[] | undefined, complete: boolean): void {
    this.have = asked
    const broken = [...this.partial].filter(([channel, id]) => id !== '' && this.joined.includes(channel))
    this.given = new Map([...this.given, ...broken])
    this.#leave(complete ? [...this.partial.keys()] : this.joined)
  }

  /** The channels change. `asked` are the names after a change of the client's. One that is removed and added begins anew. */
  begin({ added, removed }: ChannelsEvent, asked?: readonly string[]): void {
    const stays = (name: string) => !removed.includes(name)
    for (const channel of removed) this.partial.delete(channel)
    if (!asked) {
      this.have = this.have?.filter(stays)
      this.joined = [...this.joined.filter(stays), ...added]
      for (const channel of added) this.partial.set(channel, '')
      return
    }
    if (this.have) this.have = this.have.filter((name) => asked.includes(name) && stays(name))
    // The route's own choice may have held some of them. Only the server knows its names.
    else this.have = added.every((name) => asked.includes(name)) ? asked.filter((name) => !added.includes(name)) : []
    this.partial = new Map(added.map((channel) => [channel, this.partial.get(channel) ?? '']))
  }

  /** The history of the added channels is complete. */
  end(asked?: readonly string[]): void {
    if (asked) this.open(asked, true)
    else this.#leave(this.joined)
  }

  /** The application gave up these names. If it wants them again, they begin anew. */
  leave(names: readonly string[]): void {
    this.have = this.have?.filter((name) => !names.includes(name))
    for (const name of names) this.partial.delete(name)
  }

  /** The server counts from the start again, so earlier IDs of a channel, or of all, mean nothing. */
  restart(channel: string | undefined): void {
    this.given = new Map([...this.given].filter(([name]) => channel !== undefined && name !== channel))
    for (const name of this.partial.keys()) if (channel === undefined || name === channel) this.partial.set(name, '')
  }

  #leave(channels: readonly string[]): void {
    for (const channel of channels) this.partial.delete(channel)
    this.joined = []
  }
}

/** Brings names into the form in which they are compared. */
export function sortedNames(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort()
}

/** Compares two sorted lists of names. */
export function sameNames(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
