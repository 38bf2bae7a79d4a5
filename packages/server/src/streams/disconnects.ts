import type { Connection } from '../delivery/connection.js'
import { matches, type StreamSelector } from '../nodes/stream-selector.js'
import { decide } from '../runtime/guard.js'
import type { Admitting } from './admitting.js'
import type { Candidate } from './candidate.js'
import { KeyIndex } from './key-index.js'

/** The streams of a manager, from the arrival of their requests. */
export interface SelectableStreams {
  /** Open connections by id. */
  readonly open: ReadonlyMap<string, Connection>
  /** Requests whose connections are not open yet, by the connection's id. */
  readonly joining: ReadonlyMap<string, Admitting>
  readonly admitting: Iterable<Admitting>
  /** The open and joining connections of a channel. */
  readonly members: (channel: string) => Iterable<{ readonly id: string }>
  /** The connections whose channels are about to change, each as it will be. */
  readonly prospects: () => ReadonlyMap<Connection, { readonly prospect: Candidate }>
}

/** Ends streams on behalf of the application, wherever they are on their way: a revoked one must not slip through. */
export class Disconnects {
  readonly #streams: SelectableStreams
  /** Open and joining connections by key. */
  readonly #byKey = new KeyIndex()

  constructor(streams: SelectableStreams) {
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
  matching(predicate: (candidate: Candidate) => boolean, reason: string): number {
    const isMeant = (candidate: Candidate) => decide('disconnect()', () => predicate(candidate))
    const joining = [...this.#streams.joining.values()].map(({ candidate }) => candidate!)
    const all = [...this.#streams.open.values(), ...joining]
    return this.#end(this.#those(all, isMeant), isMeant, reason)
  }

  /**
   * Ends the streams that a selector matches.
   *
   * @param position Streams that were authorized at this position or later stay open.
   * @returns The number of streams that were ended.
   */
  selected(selector: StreamSelector, reason: string, position: number = Infinity): number {
    const predicate = (candidate: Candidate) => candidate.admittedPosition < position && matches(candidate, selector)
    return this.#end(this.#those(this.#candidates(selector), predicate), predicate, reason)
  }

  /** Moves the streams that a selector matches, except for those that were authorized at a position or later. */
  move(selector: StreamSelector, position: number, move: (connection: Connection) => void): void {
    const moveIfMeant = (connection: Connection) => {
      if (connection.admittedPosition < position && matches(connection, selector)) move(connection)
    }
    for (const connection of [...this.#candidates(selector)]) moveIfMeant(connection)
    for (const admitting of this.#streams.admitting) {
      if (admitting.admittedPosition !== undefined) admitting.addMove(moveIfMeant)
    }
  }

  /** The connections that match, as they are or as they will be. */
  #those(connections: Iterable<Connection>, predicate: (candidate: Candidate) => boolean): Connection[] {
    return [...connections].filter((connection) => {
      if (predicate(connection)) return true
      const change = this.#streams.prospects().get(connection)
      return change !== undefined && predicate(change.prospect)
    })
  }

  /** A superset of the matching connections, as small as the indexes allow. */
  #candidates({ connectionId, key, channel }: StreamSelector): Iterable<Connection> {
    if (connectionId !== undefined) return this.#find([connectionId])
    if (key !== undefined) return this.#byKey.of(key)
    if (channel === undefined) return []
    const members = this.#find([...this.#streams.members(channel)].map(({ id }) => id))
    return new Set([...members, ...this.#streams.prospects().keys()])
  }

  #find(ids: readonly string[]): Connection[] {
    return ids.flatMap((id) => this.#streams.open.get(id) ?? this.#streams.joining.get(id)?.candidate ?? [])
  }

  #end(connections: readonly Connection[], predicate: (candidate: Candidate) => boolean, reason: string): number {
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
