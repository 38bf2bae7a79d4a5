import type { Connection } from '../delivery/connection.js'

/** Connections by the `key` from `authorize`. */
export class KeyIndex {
  /** Most keys have one connection. A set for each would cost more than all the rest. */
  readonly #byKey = new Map<string, Connection | Set<Connection>>()

  add(connection: Connection): void {
    const { key } = connection
    if (key === undefined) return
    const present = this.#byKey.get(key)
    if (present === undefined) this.#byKey.set(key, connection)
    else if (present instanceof Set) present.add(connection)
    else this.#byKey.set(key, new Set([present, connection]))
  }

  delete(connection: Connection): void {
    const { key } = connection
    if (key === undefined) return
    const present = this.#byKey.get(key)
    if (present instanceof Set) {
      present.delete(connection)
      if (present.size > 0) return
    } else if (present !== connection) return
    this.#byKey.delete(key)
  }

  of(key: string): Iterable<Connection> {
    const present = this.#byKey.get(key)
    if (present === undefined) return []
    return present instanceof Set ? present : [present]
  }
}
