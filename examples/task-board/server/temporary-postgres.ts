import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface TemporaryPostgres {
  readonly url: string
  /** Ends it, and deletes its data. */
  stop(): Promise<void>
}

/** The folder of the newest installed PostgreSQL, as Debian lays it out; `undefined` if there is none. */
export function findPostgres(): string | undefined {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).map(Number).filter(Number.isInteger) : []
  return versions.length === 0 ? undefined : join(root, String(Math.max(...versions)), 'bin')
}

/** Starts a PostgreSQL in a folder and on a port of its own. It survives nothing: it is for development and tests. */
export async function startPostgres(): Promise<TemporaryPostgres> {
  const bin = findPostgres()!
  const folder = await mkdtemp(join(tmpdir(), 'task-board-'))
  const isRoot = process.getuid?.() === 0
  if (isRoot) {
    const { stdout } = await run('id', ['-u', 'postgres'])
    await chown(folder, Number(stdout), Number(stdout))
  }
  /** Postgres refuses to run as root. */
  const unprivileged = (name: string, args: string[]): [string, string[]] => {
    const command = join(bin, name)
    return isRoot
      ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--clear-groups', command, ...args]]
      : [command, args]
  }
  await run(
    ...unprivileged('initdb', [
      '-D',
      folder,
      '-U',
      'postgres',
      '--auth=trust',
      '--no-sync',
      '--locale=C',
      '-E',
      'UTF8',
    ]),
  )
  const port = await freePort()
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`, 'fsync=off']
  // In a group of its own: Ctrl-C must not end it before its users.
  const server = spawn(...unprivileged('postgres', ['-D', folder, ...settings.flatMap((setting) => ['-c', setting])]), {
    stdio: 'ignore',
    detached: true,
  })
  const ended = once(server, 'exit')
  const stop = async () => {
    if (server.exitCode === null) server.kill('SIGQUIT')
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  while (server.exitCode === null) {
    const isReady = await run(join(bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)]).then(
      () => true,
      () => false,
    )
    if (isReady) return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, stop }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await stop()
  throw new Error(`PostgreSQL ended with ${server.exitCode}.`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await once(server.close(), 'close')
  return port
}
