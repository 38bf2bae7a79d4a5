import type { Connection } from '../delivery/connection.js'
import { matches, type StreamSelector } from '../nodes/stream-selector.js'
import { decide } from '../runtime/guard.js'
import type { Admitting } from './admitting.js'
import { KeyIndex } from './key-index.js'

/** The streams of a manager, from the arrival of their requests. */
export interface DisconnectableStreams {
  /** Open connections by id. */
  readonly open: ReadonlyMap<string, Connection>
  /** Connections that are not open yet, by id. */
  readonly joining: ReadonlyMap<string, Connection>
  readonly admitting: Iterable<Admitting>
  /** The open and joining connections of a channel. */
  readonly members: (channel: string) => Iterable<{ readonly id: string }>
}

/** Ends streams on behalf of the application, wherever they are on their way: a revoked one must not slip through. */
export class Disconnects {
  readonly #streams: DisconnectableStreams
  /** Open and joining connections by key. */
  readonly #byKey = new KeyIndex()

  constructor(streams: DisconnectableStreams) {
    this.#streams = streams
  }

  /** Call this before a connection joins. */
  add(connection: Connection): void {
    this.#byKey.add(connection)
  }

  remove(connection: Connection): void {
    this.#byKey.delete(connection)
  }

  /** Ends the streams that match. @throws if the predicate throws; then no stream has ended. @returns The number of streams. */
  matching(predicate: (connection: Connection) => boolean, reason: string): number {
    const isMeant = (connection: Connection) => decide('disconnect()', () => predicate(connection))
    const all = [...this.#streams.open.values(), ...this.#streams.joining.values()]
    return this.#end(all.filter(isMeant), isMeant, reason)
  }

  /**
   * Ends the streams that a selector matches.
   *
   * @param position Streams that were authorized at this position or later stay open.
   * @returns The number of streams that were ended.
   */
  selected(selector: StreamSelector, reason: string, position: number = Infinity): number {
    const predicate = (connection: Connection) =>
      connection.admittedPosition < position && matches(connection, selector)
    return this.#end([...this.#candidates(selector)].filter(predicate), predicate, reason)
  }

  /** A superset of the matching connections, as small as the indexes allow. */
  #candidates({ connectionId, key, channel }: StreamSelector): Iterable<Connection> {
    if (connectionId !== undefined) return this.#find([connectionId])
    if (key !== undefined) return this.#byKey.of(key)
    return channel === undefined ? [] : this.#find([...this.#streams.members(channel)].map(({ id }) => id))
  }

  #find(ids: readonly string[]): Connection[] {
    return ids.flatMap((id) => this.#streams.open.get(id) ?? this.#streams.joining.get(id) ?? [])
  }

  #end(connections: readonly Connection[], predicate: (connection: Connection) => boolean, reason: string): number {
    for (const connection of connections) {
      // A joining connection is refused instead of opened.
      if (this.#streams.joining.has(connection.id)) connection.onClose()
      else connection.close(reason, false)
    }
    for (const { admittedPosition, disconnects } of this.#streams.admitting) {
      if (admittedPosition !== undefined) disconnects.push(predicate)
    }
    return connections.length
  }

  /** Ends every open stream, so that each client reconnects and is authorized again. */
  reauthorize(): void {
    for (const connection of [...this.#streams.open.values()]) connection.close('reauthorize', true)
  }
}
