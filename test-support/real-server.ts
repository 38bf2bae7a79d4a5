import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { EventContract } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { onTestFinished } from 'vitest'

/** Starts a manager behind a real socket, and records the requests for streams. */
export async function startServer<Contract extends EventContract>(
  events: Contract,
): Promise<{
  manager: EventManager<Contract>
  url: string
  requests: URL[]
  authorizations: (string | undefined)[]
  drop: () => void
}> {
  const manager = new EventManager({ events, heartbeat: false })
  const requests: URL[] = []
  const authorizations: (string | undefined)[] = []
  const server = createServer((request, response) => {
    requests.push(new URL(request.url ?? '', 'http://server.test'))
    authorizations.push(request.headers.authorization)
    void handleEventStream(manager, request, response, {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await manager.close()
    server.close()
    server.closeAllConnections()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`
  // Breaks every connection, like a network.
  const drop = () => server.closeAllConnections()
  return { manager, url, requests, authorizations, drop }
}
