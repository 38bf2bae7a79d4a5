import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net'
import type { EventContract } from '@rivulet/core'
import { type Backplane, EventManager, MemoryBackplane, RunManager } from '@rivulet/server'

export interface Node<Contract extends EventContract> {
  readonly runs: RunManager<Contract>
  readonly errors: unknown[]
}

export interface Nodes<Contract extends EventContract> {
  readonly one: Node<Contract>
  readonly other: Node<Contract>
  /** The address that clients know. */
  readonly url: string
  /** The number of streams that are open on all nodes, also those within a process. */
  readonly streams: number
  cut(): void
  moveReaders(): void
  loseProducers(): void
  dispose(): Promise<void>
}

/** Longer than a busy machine stands still, and as long as the check of a lost producer waits. */
const leaseMs = 3_000

/** Serves two nodes on one store over sockets, behind one address. */
export async function createNodes<Contract extends EventContract>(
  events: Contract,
  handle: (node: Node<Contract>, request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<Nodes<Contract>> {
  const backplane = new MemoryBackplane()
  const life = { lost: false }
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  const managers: { runs: RunManager<Contract>; manager: EventManager<Contract> }[] = []

  async function createNode(store: Backplane): Promise<Node<Contract> & { port: number }> {
    const errors: unknown[] = []
    const manager = new EventManager({ events, backplane: store, onError: (error) => errors.push(error) })
    const runs = new RunManager({ manager, leaseMs })
    managers.push({ runs, manager })
    const node = { runs, errors }
    const server = createServer((request, response) => void handle(node, request, response))
    servers.push(server)
    return { ...node, port: await listen(server) }
  }

  const one = await createNode(mortal(backplane, life))
  const other = await createNode(backplane)
  let target = one.port
  const front = createTcpServer((client) => {
    const upstream = connectTcp(target, '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  })
  const url = `http://127.0.0.1:${await listen(front)}`
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    one,
    other,
    url,
    get streams() {
      return managers.reduce((sum, { manager }) => sum + manager.connections.size, 0)
    },
    cut,
    moveReaders() {
      target = other.port
      cut()
    },
    loseProducers() {
      life.lost = true
    },
    async dispose() {
      cut()
      await Promise.all(managers.map(({ runs }) => runs.close()))
      await Promise.all(managers.map(({ manager }) => manager.close()))
      front.close()
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
    },
  }
}

export async function listen(server: TcpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A backplane whose node can be cut off from the runs of the store for good. */
function mortal(backplane: MemoryBackplane, life: { lost: boolean }): Backplane {
  const runs = new Proxy(backplane.runs, {
    get(store, name) {
      const member = Reflect.get(store, name, store)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        if (life.lost) throw new Error('This node cannot reach the store.')
        return member.apply(store, args)
      }
    },
  })
  return new Proxy(backplane, {
    get(store, name) {
      if (name === 'runs') return runs
      const member = Reflect.get(store, name, store)
      return typeof member === 'function' ? member.bind(store) : member
    },
  })
}

export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** Makes a web-standard request of one of Node's. Its signal aborts when the client leaves. */
export async function webRequest(request: IncomingMessage, response: ServerResponse, url: string): Promise<Request> {
  const left = new AbortController()
  response.on('close', () => left.abort())
  const body = await bodyOf(request)
  return new Request(new URL(request.url!, url), {
    method: request.method!,
    headers: Object.entries(request.headers).map(([name, value]) => [name, String(value)] as [string, string]),
    signal: left.signal,
    ...(body === '' ? {} : { body }),
  })
}

/** Sends a web-standard response by one of Node's. */
export async function sendResponse(from: Response, to: ServerResponse): Promise<void> {
  to.writeHead(from.status, Object.fromEntries(from.headers))
  to.flushHeaders()
  const reader = from.body?.getReader()
  to.on('close', () => void reader?.cancel().catch(() => {}))
  try {
    while (reader) {
      const { done, value } = await reader.read()
      if (done) break
      if (!to.write(value)) await new Promise((resolve) => to.once('drain', resolve).once('close', resolve))
    }
    to.end()
  } catch {
    to.destroy()
  }
}
