import { type ContractOf, defineEvents, type SseMessage } from '@rivulet/core'
import { z } from 'zod'
import type { EventManager, EventManagerOptions } from '../src/event-manager.js'
import type { ConnectionInfo } from '../src/runtime/connection-info.js'
import type { ManagerStats } from '../src/runtime/stats.js'
import type { Refusal } from '../src/sinks/sink.js'
import type { EventStreamOptions } from '../src/streams/stream-options.js'

// Runs on every runtime, so it imports nothing that needs Node.js.

type Schemas = { log: z.ZodObject<{ message: z.ZodString }> }
export type Events = ContractOf<Schemas>

export const events: Events = defineEvents<Schemas>({ log: z.object({ message: z.string() }) })

/** What a check asks for: plain data, so that a server in another process can be asked too. */
export interface Setup {
  readonly manager?: Pick<EventManagerOptions<Events>, 'limits' | 'retention' | 'heartbeat'>
  /** What everybody is refused with. */
  readonly refusal?: Refusal
}

/** A client of whatever transport, and what it has read. */
export interface Client {
  readonly status: number
  readonly headers: Record<string, unknown>
  readonly messages: SseMessage[]
  readonly comments: string[]
  received(count: number): Promise<SseMessage[]>
  readonly ended: Promise<void>
  /** Stops reading, and goes on. */
  pause(): void
  resume(): void
  leave(): void
}

/** A manager behind the sink under test, in this process or in another one. */
export interface Served {
  open(headers?: Record<string, string>, method?: string): Promise<Client>
  /** Publishes in order, and lets the event loop turn now and then. Gives the events' IDs. */
  publish(messages: readonly string[]): Promise<string[]>
  stats(): Promise<ManagerStats>
  connections(): Promise<Pick<ConnectionInfo, 'state' | 'bufferedBytes'>[]>
  disconnectAll(reason: string): Promise<unknown>
  closeManager(): Promise<unknown>
}

/** How a check wants requests to be let in, for whichever kind of request the sink takes. */
export function streamOptions({ refusal }: Setup): EventStreamOptions<unknown, unknown, Events> {
  return { authorize: () => refusal ?? true }
}

/** A manager of this process as the checks see it. */
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

/** Publishes in order; the event loop turns now and then, as it would under a real load. */
export async function publishAll(manager: EventManager<Events>, messages: readonly string[]): Promise<string[]> {
  const ids: string[] = []
  for (const message of messages) {
    const { id } = await manager.publish('log', { message })
    ids.push(id!)
    if (ids.length % 20 === 0) await new Promise((resolve) => setTimeout(resolve))
  }
  return ids
}
