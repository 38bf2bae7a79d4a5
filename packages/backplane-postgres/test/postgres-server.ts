import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../../../test-support/free-port.js'

const run = promisify(execFile)

/** The folder of the newest installed server, as Debian and its kin lay it out; `undefined` if there is none. */
export async function serverFolder(): Promise<string | undefined> {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? await readdir(root) : []
  const newest = versions
    .map(Number)
    .filter(Number.isInteger)
    .sort((one, other) => other - one)[0]
  return newest === undefined ? undefined : join(root, String(newest), 'bin')
}

/** Prefixes a command so that it does not run as root, which Postgres refuses. */
function unprivileged(command: string, args: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, [...args]]
  return ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', '--', command, ...args]]
}

const settings = ['max_connections=200', 'wal_level=replica', 'log_min_messages=fatal']
/** For speed: nothing that a test stores has to survive a crash of the machine. */
const fastSettings = ['fsync=off', 'full_page_writes=off']

export interface PostgresServerOptions {
  /** Writes to the disk at each commit, as servers do by default. @default false */
  readonly durable?: boolean
}

/** A real PostgreSQL in a folder and on a port of its own. */
export class PostgresServer {
  readonly port: number
  readonly folder: string
  readonly #bin: string
  readonly #durable: boolean
  #process: ChildProcess | undefined

  private constructor(bin: string, folder: string, port: number, durable: boolean) {
    this.#bin = bin
    this.#durable = durable
    this.folder = folder
    this.port = port
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.port}/postgres`
  }

  get pid(): number {
    return this.#process!.pid!
  }

  static async start({ durable = false }: PostgresServerOptions = {}): Promise<PostgresServer> {
    const server = await PostgresServer.#create(durable)
    const args = ['-D', server.folder, '-U', 'postgres', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C']
    await run(...unprivileged(join(server.#bin, 'initdb'), args))
    await server.start()
    return server
  }

  static async #create(durable = false): Promise<PostgresServer> {
    const bin = await serverFolder()
    if (!bin) throw new Error('There is no PostgreSQL: apt-get install postgresql')
    const folder = await mkdtemp(join(tmpdir(), 'rivulet-postgres-'))
    if (process.getuid?.() === 0) {
      const { stdout } = await run('id', ['-u', 'postgres'])
      await chown(folder, Number(stdout), Number(stdout))
    }
    return new PostgresServer(bin, folder, await freePort(), durable)
  }

  /** Starts a replica that follows this server. */
  async replicate(): Promise<PostgresServer> {
    const replica = await PostgresServer.#create()
    const from = ['-h', '127.0.0.1', '-p', String(this.port), '-U', 'postgres']
    const args = ['-D', replica.folder, '-R', '-X', 'stream', '-c', 'fast', '--no-sync', ...from]
    await run(...unprivileged(join(this.#bin, 'pg_basebackup'), args))
    await replica.start()
    return replica
  }

  /** Starts it, or starts it again. */
  async start(): Promise<void> {
    const options = [
      `port=${this.port}`,
      'listen_addresses=127.0.0.1',
      `unix_socket_directories=${this.folder}`,
      ...settings,
      ...(this.#durable ? [] : fastSettings),
    ]
    const args = ['-D', this.folder, ...options.flatMap((option) => ['-c', option])]
    // The end of its input, or of this process, does not end it: `stop` does.
    const child = spawn(...unprivileged(join(this.#bin, 'postgres'), args), { stdio: 'ignore' })
    this.#process = child
    for (;;) {
      if (child.exitCode !== null) throw new Error(`PostgreSQL ended with ${child.exitCode}.`)
      const ready = await run(join(this.#bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(this.port), '-q']).catch(
        () => undefined,
      )
      if (ready) return
      await new Promise((done) => setTimeout(done, 20))
    }
  }

  /** Makes a replica a server of its own. */
  async promote(): Promise<void> {
    await run(...unprivileged(join(this.#bin, 'pg_ctl'), ['promote', '-w', '-s', '-D', this.folder]))
  }

  /** Ends it: `SIGINT` closes all connections, `SIGQUIT` ends it like a crash. */
  async stop(signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null) return
    const ended = new Promise((done) => child.once('exit', done))
    child.kill(signal)
    await ended
  }

  async dispose(): Promise<void> {
    await this.stop('SIGQUIT')
    await rm(this.folder, { recursive: true, force: true })
  }
}
