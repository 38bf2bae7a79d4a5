import { AsyncResource } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
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

/** A connection, and the server that has accepted it. */
type Accepted = Socket & { readonly _server?: object | null }

/** The async context in which each server accepts connections. Stores of `AsyncLocalStorage` from around `listen` are in it. */
const contexts = new WeakMap<object, AsyncResource>()

// The events of a socket have no such context, and that of a stream's request must not reach the next request.
subscribe('net.server.socket', (message) => {
  const { _server: server } = (message as { socket: Accepted }).socket
  if (server && !contexts.has(server)) contexts.set(server, new AsyncResource('RivuletConnection'))
})

/** Runs a function in the async context in which a connection was accepted. A connection from another process has none. */
export function inContextOf(connection: Accepted, run: () => void): void {
  const context = connection._server && contexts.get(connection._server)
  if (context) context.runInAsyncScope(run)
  else run()
}

function destroyAll(sockets: ReadonlySet<Socket>): void {
  for (const socket of sockets) socket.destroy()
}
