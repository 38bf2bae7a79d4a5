import { type ContractOf, defineEvents, type SseMessage } from '@rivulet/core'
import { z } from 'zod'
import type { EventManager, EventManagerOptions } from '../src/event-manager.js'
import type { ConnectionInfo } from '../src/runtime/connection-info.js'
import type { ManagerStats } from '../src/runtime/stats.js'
import type { Refusal } from '../src/sinks/sink.js'
import type { EventStreamOptions } from '../src/streams/stream-options.js'

// Used on every runtime: imports nothing that needs Node.js.

type Schemas = { log: z.ZodObject<{ message: z.ZodString }> }
export type Events = ContractOf<Schemas>

export const events: Events = defineEvents<Schemas>({ log: z.object({ message: z.string() }) })

/** The server that a check needs. Plain data, so that it can be sent to a server in another process. */
export interface Setup {
  readonly manager?: Pick<EventManagerOptions<Events>, 'limits' | 'retention' | 'heartbeat'>
  /** Refuses every request. */
  readonly refusal?: Refusal
}

/** A client of any transport, with the messages it has read. */
export interface Client {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly messages: SseMessage[]
  readonly comments: string[]
  received(count: number): Promise<SseMessage[]>
  readonly ended: Promise<void>
  /** Stops reading until `resume`. */
  pause(): void
  resume(): void
  leave(): void
}

/** A manager behind the sink under test, in this process or another. */
export interface Served {
  open(headers?: Record<string, string>, method?: string): Promise<Client>
  /** Publishes in order, yielding to the event loop now and then. Resolves with the events' IDs. */
  publish(messages: readonly string[]): Promise<string[]>
  stats(): Promise<ManagerStats>
  connections(): Promise<Pick<ConnectionInfo, 'state' | 'bufferedBytes'>[]>
  disconnectAll(reason: string): Promise<unknown>
  closeManager(): Promise<unknown>
}

/** The stream options for a setup, for any kind of request. */
export function streamOptions({ refusal }: Setup): EventStreamOptions<unknown, unknown, Events> {
  return { authorize: () => refusal ?? true }
}

/** Adapts a manager in this process to the interface of the checks. */
export function serveWith(
  manager: EventManager<Events>,
  open: (headers: Record<string, string>, method: string) => Promise<Client>,
): Served {
  return {
    open: (headers = {}, method = 'GET') => open(headers, method),
    publish: (messages) => publishAll(manager, messages),
    stats: async () => manager.stats(),
    connections: async () =>
      [...manager.connections.values()].map(({ state, bufferedBytes }) => ({ state, bufferedBytes })),
    disconnectAll: async (reason) => manager.disconnect(() => true, reason),
    closeManager: () => manager.close(),
  }
}

/** Publishes in order and yields to the event loop now and then, as a real load would. */
export async function publishAll(manager: EventManager<Events>, messages: readonly string[]): Promise<string[]> {
  const ids: string[] = []
  for (const message of messages) {
    const { id } = await manager.publish('log', { message })
    ids.push(id!)
    if (ids.length % 20 === 0) await new Promise((resolve) => setTimeout(resolve))
  }
  return ids
}
