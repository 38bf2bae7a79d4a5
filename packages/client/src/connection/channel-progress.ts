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
  /** The last ID of each history that broke off. Its events so far may come again, because the cursor may be behind. */
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

  /**
   * A connection begins with these names. If they are `complete`, no history is asked for. Returns the channels whose history
   * broke off.
   */
  open(asked: readonly string[] | undefined, complete: boolean): readonly string[] {
    this.have = asked
    const broken = complete ? [...new Set([...this.joined, ...this.partial.keys()])] : this.joined
    this.joined = []
    return this.breakOff(broken)
  }

  /**
   * The server changes the channels by itself. One that is removed and added begins anew. Returns the channels whose history
   * broke off, on an earlier connection.
   */
  begin({ added, removed }: ChannelsEvent): readonly string[] {
    const stays = (name: string) => !removed.includes(name)
    for (const channel of removed) this.partial.delete(channel)
    this.have = this.have?.filter(stays)
    this.joined = [...this.joined.filter(stays), ...added]
    const broken = added.filter((channel) => this.partial.has(channel))
    for (const channel of added) this.partial.set(channel, '')
    return broken
  }

  /** The rest of these histories will not come. */
  breakOff(channels: readonly string[]): readonly string[] {
    const given = new Map(this.given)
    for (const channel of channels) {
      const id = this.partial.get(channel)
      if (id) given.set(channel, id)
      this.partial.delete(channel)
    }
    this.given = given
    return channels
  }

  /** The history of the channels that the server added is complete. */
  end(): void {
    for (const channel of this.joined) this.partial.delete(channel)
    this.joined = []
  }

  /** The server counts from the start again, so earlier IDs of a channel, or of all, mean nothing. */
  restart(channel: string | undefined): void {
    this.given = new Map([...this.given].filter(([name]) => channel !== undefined && name !== channel))
    for (const name of this.partial.keys()) if (channel === undefined || name === channel) this.partial.set(name, '')
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
