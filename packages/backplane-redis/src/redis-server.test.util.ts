import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { endProcess } from '../../../test-support/end-process.js'

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

export interface RedisServerOptions {
  /** Whether it comes back with its data: all of it, or what happened to be written when it was killed. */
  persistent?: 'always' | 'everysec' | undefined
  /** Further lines of its configuration, as arguments. */
  args?: readonly string[]
}

/** A real Redis of one test, on a port and in a folder of its own. */
export class RedisServer {
  readonly port: number
  readonly #dir: string
  readonly #args: readonly string[]
  #process: ChildProcess | undefined

  private constructor(port: number, dir: string, { persistent, args = [] }: RedisServerOptions) {
    this.port = port
    this.#dir = dir
    const storage = ['--save', '', '--appendonly', persistent ? 'yes' : 'no', '--appendfsync', persistent ?? 'no']
    // Otherwise a master waits five seconds for more replicas to come.
    const replication = ['--repl-diskless-sync-delay', '0']
    this.#args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, ...storage, ...replication, ...args]
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const dir = await mkdtemp(join(tmpdir(), 'rivulet-redis-'))
    const server = new RedisServer(await freePort(), dir, options)
    await server.start()
    return server
  }

  /** Starts it again, after a kill. */
  async start(): Promise<void> {
    const child = spawn('redis-server', this.#args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#process = child
    let log = ''
    await new Promise<void>((resolve, reject) => {
      child.once('error', (cause) =>
        reject(new Error('redis-server is needed for these tests: install it.', { cause })),
      )
      child.once('exit', () => reject(new Error(`redis-server ended: ${log}`)))
      child.stdout!.on('data', (chunk) => {
        log += chunk
        if (log.includes('Ready to accept connections')) resolve()
      })
    })
  }

  /** SIGSTOP and SIGCONT pause and resume it. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal)
  }

  /** Waits until a replica has what its master has. */
  async followed(): Promise<void> {
    const state = () => this.command('info', 'replication')
    while (!String(await state()).includes('master_link_status:up')) await new Promise((done) => setTimeout(done, 20))
  }

  async command(name: string, ...args: string[]): Promise<unknown> {
    const client = new Redis({ port: this.port, host: '127.0.0.1' })
    try {
      return await client.call(name, ...args)
    } finally {
      client.disconnect()
    }
  }

  /** Resolves when the process is gone. */
  kill(): Promise<void> {
    return endProcess(this.#process, 'SIGKILL')
  }

  async dispose(): Promise<void> {
    await this.kill()
    await rm(this.#dir, { recursive: true, force: true })
  }
}
