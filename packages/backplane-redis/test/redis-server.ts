import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from '../../../test-support/free-port.js'
import { RedisProcess } from './redis-process.js'

export interface RedisServerOptions {
  /** The data that it has after a restart: all of it, or the part that was written when it was killed. */
  persistent?: 'always' | 'everysec' | undefined
  /** Further lines of its configuration, as arguments. */
  args?: readonly string[]
}

/** A real Redis of one test, on a port and in a folder of its own. */
export class RedisServer {
  readonly port: number
  readonly #dir: string
  readonly #process: RedisProcess

  private constructor(port: number, dir: string, { persistent, args = [] }: RedisServerOptions) {
    this.port = port
    this.#dir = dir
    const storage = ['--save', '', '--appendonly', persistent ? 'yes' : 'no', '--appendfsync', persistent ?? 'no']
    // Otherwise a master waits five seconds for more replicas to come.
    const replication = ['--repl-diskless-sync-delay', '0']
    const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir]
    this.#process = new RedisProcess([...place, ...storage, ...replication, ...args])
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const dir = await mkdtemp(join(tmpdir(), 'rivulet-redis-'))
    const server = new RedisServer(await freePort(), dir, options)
    await server.start()
    return server
  }

  /** Starts it again, after a kill. */
  start(): Promise<void> {
    return this.#process.start()
  }

  get running(): boolean {
    return this.#process.running
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.signal(signal)
  }

  /** Waits until a replica has what its master has. */
  async followed(): Promise<void> {
    let goal: number | undefined
    for (;;) {
      const info = String(await this.command('info', 'replication'))
      if (info.includes('master_link_status:up')) {
        const port = Number(/master_port:(\d+)/.exec(info)![1])
        goal ??= offsetOf(String(await command(port, 'info', 'replication')), 'master_repl_offset')
        if (offsetOf(info, 'slave_repl_offset') >= goal) return
      }
      await new Promise((done) => setTimeout(done, 20))
    }
  }

  async command(name: string, ...args: string[]): Promise<unknown> {
    return command(this.port, name, ...args)
  }

  kill(): Promise<void> {
    return this.#process.kill()
  }

  async dispose(): Promise<void> {
    await this.kill()
    await rm(this.#dir, { recursive: true, force: true })
  }
}

export async function command(port: number, name: string, ...args: string[]): Promise<unknown> {
  const client = new Redis({ port, host: '127.0.0.1' })
  try {
    return await client.call(name, ...args)
  } finally {
    client.disconnect()
  }
}

/** The number of connections to some servers, except those of replicas, of sentinels, and of servers that move keys. */
export async function connectionsTo(ports: readonly number[]): Promise<number> {
  const lists = await Promise.all(ports.map((port) => command(port, 'client', 'list')))
  const clients = lists.flatMap((list) => String(list).trim().split('\n'))
  // Each list holds the one that asks for it.
  return (
    clients.filter((client) => !/ name=sentinel-| flags=[SM] | cmd=restore-asking /.test(client)).length - ports.length
  )
}

function offsetOf(info: string, name: string): number {
  return Number(new RegExp(`${name}:(\\d+)`).exec(info)![1])
}
