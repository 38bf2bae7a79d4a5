import type { BaseEvent, Clock, SseMessage } from '@rivulet/core'
import type { ConnectionOptions } from '../connection/connection-options.js'

/** The parts of a stream that its history needs. */
export interface HistoryAccess {
  readonly options: ConnectionOptions
  readonly clock: Clock
  /** The channels that the stream asks for. `undefined`: the route's own choice. */
  channels(): readonly string[] | undefined
  /** Makes the typed event. `undefined` if the contract lacks its type. @throws (or rejects) if it does not fit. */
  read(message: SseMessage, id: string): BaseEvent | Promise<BaseEvent> | undefined
  /** Reports an event that does not fit. */
  report(error: unknown): void
}

const accesses = new WeakMap<object, HistoryAccess>()

/** Lets bindings load older events of a stream. */
export function takeHistory(service: object, access: HistoryAccess): void {
  accesses.set(service, access)
}

/** Returns `undefined` for an object that is no stream. */
export function historyOf(service: object): HistoryAccess | undefined {
  return accesses.get(service)
}
