import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** The connections of a server that Node.js knows only as sockets, because they have no parser. */
export interface DetachedConnections {
  /** Those that send a stream. */
  readonly open: Set<Socket>
  /** Those that wait for another request. */
  readonly resting: Set<Socket>
}

const servers = new WeakMap<Server, DetachedConnections>()

/** The detached connections of a server. `closeAllConnections` and `closeIdleConnections` include them from now on, and so does `close`. */
export function connectionsOf(server: Server): DetachedConnections {
  const known = servers.get(server)
  if (known) return known
  const connections: DetachedConnections = { open: new Set(), resting: new Set() }
  servers.set(server, connections)
  const { closeAllConnections, closeIdleConnections } = server
  server.closeAllConnections = () => {
    closeAllConnections.call(server)
    destroyAll(connections.open)
    destroyAll(connections.resting)
  }
  server.closeIdleConnections = () => {
    closeIdleConnections.call(server)
    destroyAll(connections.resting)
  }
  return connections
}

function destroyAll(sockets: ReadonlySet<Socket>): void {
  for (const socket of sockets) socket.destroy()
}
