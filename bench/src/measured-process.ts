import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

// Interface of every measured process.

/** Listens on all addresses of the loopback network, and others. Resolves with the port. */
export function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen({ port: 0, host: '0.0.0.0', backlog: 4096 }, () => resolve((server.address() as AddressInfo).port))
  })
}

/** CPU time of user code and kernel, all threads, in microseconds. */
export function cpu(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
