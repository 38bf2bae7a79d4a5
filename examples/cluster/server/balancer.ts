import { connect, createServer, type Server, type Socket } from 'node:net'

/** One address for all nodes, like a load balancer: each connection goes to the next node that answers. */
export function createBalancer(ports: readonly number[]): Server {
  let next = 0

  function forward(client: Socket, attempts: number): void {
    if (attempts === 0) {
      client.destroy()
      return
    }
    const node = connect(ports[next++ % ports.length]!, '127.0.0.1')
    let connected = false
    node.on('connect', () => {
      connected = true
      client.pipe(node).pipe(client)
    })
    node.on('error', () => {})
    node.on('close', () => {
      if (connected) client.destroy()
      else forward(client, attempts - 1)
    })
    client.on('close', () => node.destroy())
  }

  return createServer((client) => {
    client.on('error', () => {})
    forward(client, ports.length)
  })
}
