import type { Connection } from '../delivery/connection.js'
import type { DeliveryRuntime } from '../delivery/delivery-runtime.js'
import type { FanOut } from '../delivery/fan-out.js'
import type { ChangeTarget, GrantedChange } from '../nodes/change-relay.js'
import type { Control } from '../nodes/control.js'
import type { Presence } from '../nodes/presence.js'
import { matches } from '../nodes/stream-selector.js'
import { diagnose } from '../runtime/diagnostics.js'
import type { Asking, AskingOptions } from './asking.js'
import { withChannels } from './candidate.js'
import type { ChangePlanRequest } from './change-plan.js'
import { type Changed, Changing, type ChangingHost } from './changing.js'
import { isSecret } from './secret.js'
import { type SnapshotEncoding, snapshotsOf } from './snapshot.js'
import type { EventStreamOptions } from './stream-options.js'

export interface ChangesOptions {
  readonly runtime: DeliveryRuntime
  readonly fanOut: FanOut
  readonly control: Pick<Control, 'since'>
  readonly presence: Pick<Presence, 'move'>
  readonly connections: ReadonlyMap<string, Connection>
  /** Begins the ids of this node's connections. */
  readonly idPrefix: string
  readonly encoding: SnapshotEncoding
  readonly asking: AskingOptions
}

/** Changes the channels of this node's streams, for their clients and for the application. */
export class Changes implements ChangeTarget, ChangingHost {
  /** The connections whose channels are about to change. */
  readonly pending: Map<Connection, Changing> = new Map()
  readonly runtime: DeliveryRuntime
  readonly fanOut: FanOut
  readonly asking: AskingOptions
  readonly #options: ChangesOptions
  /** The number of the last change that was accepted, for each connection whose client numbers them. */
  readonly #accepted = new Map<Connection, number>()

  constructor(options: ChangesOptions) {
    this.#options = options
    this.runtime = options.runtime
    this.fanOut = options.fanOut
    this.asking = options.asking
  }

  has(connectionId: string): boolean {
    return connectionId.startsWith(`${this.#options.idPrefix}-`)
  }

  /** Accepts a change that a client asked for. Tells nobody but the stream itself what becomes of it. */
  change(change: GrantedChange): void {
    const { connectionId, control, key, channels } = change
    const connection = this.#options.connections.get(connectionId)
    if (!connection) return
    const reason = this.#flawOf(connection, control, key)
    if (reason) {
      diagnose(this.runtime, 'rivulet:connection:change:ignore', () => ({ connectionId, reason }))
      return
    }
    const { change: number } = change
    if (number !== undefined) {
      // A POST that was repeated, or overtaken by a later one.
      if (number <= (this.#accepted.get(connection) ?? -1)) return
      this.#accepted.set(connection, number)
    }
    const granted = this.#afterOrders(connection, channels, change.admittedPosition)
    if (!granted) return
    const wanted = { channels: granted, after: new Map(change.after), change: number }
    this.#alter(connection, (changing) => changing.want(wanted))
  }

  #flawOf({ control, key }: Connection, givenControl: string, givenKey: string | undefined): string | undefined {
    if (control === undefined) return 'not changeable'
    if (!isSecret(control, givenControl)) return 'wrong secret'
    return key === givenKey ? undefined : 'other key'
  }

  /** Applies the orders that were carried out after the change was authorized. `undefined` if the stream has ended. */
  #afterOrders(connection: Connection, channels: readonly string[], position: number): readonly string[] | undefined {
    const orders = this.#options.control.since(position)
    if (!orders) {
      connection.close('reauthorize', true)
      return undefined
    }
    let granted = channels
    for (const order of orders) {
      const prospect = withChannels(connection, granted)
      if (!matches(prospect, order.selector)) continue
      if (order.type === 'disconnect') {
        connection.close(order.reason, false)
        return undefined
      }
      granted = granted.filter((channel) => channel !== order.channel)
      if (order.type === 'join') granted = [...granted, order.channel].sort()
    }
    if (granted.length > 0) return granted
    connection.close('no channels left', true)
    return undefined
  }

  /** Adds or takes away a channel on behalf of the application. The stream of a run stays as it is. */
  move(connection: Connection, type: 'join' | 'leave', channel: string): void {
    if (connection.route) this.#alter(connection, (changing) => changing[type](channel))
  }

  #alter(connection: Connection, alter: (changing: Changing) => void): void {
    const changing = this.pending.get(connection) ?? new Changing(this, connection)
    alter(changing)
    if (changing.busy && connection.state !== 'closed') this.pending.set(connection, changing)
  }

  onLost(): void {
    // Their clients post what they want again.
    for (const connection of [...this.#options.connections.values()]) {
      if (connection.control !== undefined) connection.close('changes lost', true)
    }
  }

  isOpen({ id }: Connection): boolean {
    return this.#options.connections.has(id)
  }

  historyOf(connection: Connection, asking: Asking): Pick<ChangePlanRequest, 'replay' | 'snapshot'> {
    const route = connection.route as EventStreamOptions
    const { context } = connection
    return {
      replay: route.replay ?? 'none',
      snapshot: snapshotsOf(this.runtime, this.#options.encoding, route, { context, asking }),
    }
  }

  onChanged(connection: Connection, changed: Changed): void {
    const { added, removed, change } = changed
    this.#options.presence.move(connection, changed)
    diagnose(this.runtime, 'rivulet:connection:channels', () => ({
      connectionId: connection.id,
      added,
      removed,
      change,
    }))
  }

  onIdle(connection: Connection): void {
    this.pending.delete(connection)
  }

  /** Call this when a connection has closed. */
  remove(connection: Connection): void {
    this.#accepted.delete(connection)
    this.pending.get(connection)?.stop()
    this.pending.delete(connection)
  }
}
