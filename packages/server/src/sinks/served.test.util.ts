import { EventManager } from '../event-manager.js'
import type { EventStreamOptions } from '../stream-options.js'
import { type Client, events, type Served, type Setup } from './sink-checks.test.util.js'

export interface Hosted {
  readonly manager: EventManager<typeof events>
  /** For whichever kind of request the sink takes. */
  readonly options: EventStreamOptions<unknown, unknown, typeof events>
}

/** The manager that a check asks for, and how to let requests in. */
export function host({ manager: options, refusal }: Setup): Hosted {
  const manager = new EventManager({ events, ...options })
  return { manager, options: { authorize: () => refusal ?? true } }
}

/** A manager of this process as the checks see it. */
export function serveWith(
  manager: Hosted['manager'],
  open: (headers: Record<string, string>) => Promise<Client>,
): Served {
  return {
    open: (headers = {}) => open(headers),
    publish: (messages) => publishAll(manager, messages),
    stats: async () => manager.stats(),
    connections: async () =>
      [...manager.connections.values()].map(({ state, bufferedBytes }) => ({ state, bufferedBytes })),
    disconnectAll: async (reason) => manager.disconnect(() => true, reason),
    closeManager: () => manager.close(),
  }
}

/** Publishes in order; the event loop turns now and then, as it would under a real load. */
export async function publishAll(manager: Hosted['manager'], messages: readonly string[]): Promise<string[]> {
  const ids: string[] = []
  for (const message of messages) {
    const { id } = await manager.publish('log', { message })
    ids.push(id!)
    if (ids.length % 20 === 0) await new Promise((resolve) => setTimeout(resolve))
  }
  return ids
}
