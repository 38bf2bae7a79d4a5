import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { bundled } from '../../../test-support/bundled.js'
import { endProcess } from '../../../test-support/end-process.js'
import { freePort } from '../../../test-support/free-port.js'
import { TcpProxy } from '../../../test-support/tcp-proxy.js'

export interface ClusterNodeOptions {
  readonly afterRestart: 'gap' | 'trust'
  /** The program in this folder that each node runs. @default 'node-process.ts' */
  readonly program?: string
  /** Further arguments of the program. */
  readonly args?: readonly string[]
  /** Called with each message that the program sends. */
  readonly onMessage?: (message: unknown) => void
}

/** A node, its own way to Redis, and the way to it. */
export class ClusterNode {
  readonly port: number
  readonly toRedis: TcpProxy
  readonly #options: ClusterNodeOptions
  #process: ChildProcess | undefined

  private constructor(port: number, toRedis: TcpProxy, options: ClusterNodeOptions) {
    this.port = port
    this.toRedis = toRedis
    this.#options = options
  }

  static async start(redisPort: number, options: ClusterNodeOptions): Promise<ClusterNode> {
    const node = new ClusterNode(await freePort(), await TcpProxy.start(redisPort), options)
    await node.start()
    return node
  }

  async start(): Promise<void> {
    const { afterRestart, program = 'node-process.ts', args = [], onMessage = () => {} } = this.#options
    const own = [String(this.port), String(this.toRedis.port), afterRestart]
    const file = await bundled(new URL(program, import.meta.url))
    const command = ['--expose-gc', file, ...own, ...args]
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    this.#process = child
    child.on('message', onMessage)
    const ended = once(child, 'exit').then(() => {
      throw new Error('A node ended before it listened.')
    })
    await Promise.race([once(child.stdout!, 'data'), ended])
    ended.catch(() => {})
  }

  /** SIGSTOP and SIGCONT pause and resume it. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal)
  }

  kill(): Promise<void> {
    return endProcess(this.#process, 'SIGKILL')
  }

  async dispose(): Promise<void> {
    await this.kill()
    this.toRedis.dispose()
  }
}

/** One address for all nodes: each connection goes to one that answers, in turn. */
export class Balancer {
  readonly #nodes: readonly ClusterNode[]
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #next = 0

  constructor(nodes: readonly ClusterNode[]) {
    this.#nodes = nodes
    this.#server = createServer((client) => {
      this.#sockets.add(client)
      client.on('error', () => {}).on('close', () => this.#sockets.delete(client))
      this.#connect(client, nodes.length)
    })
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  #connect(client: Socket, attempts: number): void {
    if (attempts === 0) {
      client.destroy()
      return
    }
    const { port } = this.#nodes[this.#next++ % this.#nodes.length]!
    const node = connect(port, '127.0.0.1')
    let connected = false
    node.on('connect', () => {
      connected = true
      client.pipe(node).pipe(client)
    })
    node.on('error', () => {})
    node.on('close', () => {
      if (connected) client.destroy()
      else this.#connect(client, attempts - 1)
    })
    client.on('close', () => node.destroy())
  }

  /** Cuts one connection. */
  drop(random: () => number): void {
    const sockets = [...this.#sockets]
    sockets[Math.floor(random() * sockets.length)]?.destroy()
  }

  dispose(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
