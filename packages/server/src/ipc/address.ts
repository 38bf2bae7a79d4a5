import { lstatSync, unlinkSync } from 'node:fs'
import { chmod, link, lstat, mkdtemp, rm } from 'node:fs/promises'
import { createConnection, type Server } from 'node:net'
import { join } from 'node:path'
import { ConfigurationError } from '../runtime/errors.js'
import { IpcAddressError } from './errors.js'

/** The longest path in bytes: macOS takes 103, and the socket is created in a folder beside the path. */
const maxPathBytes = 94

/** @throws {ConfigurationError} if no socket or pipe can have this path. */
export function checkPath(path: unknown, platform: NodeJS.Platform = process.platform): asserts path is string {
  if (typeof path !== 'string' || path === '') throw new ConfigurationError('path', path, 'Pass the path of a socket.')
  if (platform === 'win32') {
    if (/^\\\\[.?]\\pipe\\./.test(path)) return
    throw new ConfigurationError('path', path, 'Pass the name of a pipe on Windows, such as \\\\.\\pipe\\my-app.')
  }
  if (Buffer.byteLength(path) > maxPathBytes) {
    throw new ConfigurationError(
      'path',
      path,
      `Pass a path of at most ${maxPathBytes} bytes: systems limit those of sockets.`,
    )
  }
}

/**
 * Makes a server listen at a path, for this process and its user alone.
 *
 * @returns A function that gives the path up.
 * @throws {IpcAddressError} (by rejecting) if another process serves there, or the path is unusable.
 */
export async function listen(server: Server, path: string): Promise<() => void> {
  try {
    if (process.platform === 'win32') await listenAt(server, path)
    else return await listenPrivately(server, path)
    return () => {}
  } catch (error) {
    server.close()
    const { code, message } = error as NodeJS.ErrnoException
    const reason =
      code === 'EADDRINUSE'
        ? 'another process serves there. Serve in one process only, and connect the others with connectBackplane.'
        : `${message}. Pass a path in a folder that this process may write to.`
    throw new IpcAddressError(path, reason, { cause: error })
  }
}

function listenAt(server: Server, path: string): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // Otherwise node:cluster would share the pipe: several workers could serve, each some of the connections.
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/**
 * Listens on a socket in a folder that is closed to others, sets its permissions, then links it to its path. The link fails if
 * something is there.
 */
async function listenPrivately(server: Server, path: string): Promise<() => void> {
  const folder = await mkdtemp(`${path}-`)
  try {
    const socket = join(folder, 's')
    await listenAt(server, socket)
    await chmod(socket, 0o600)
    while (!(await isLinked(socket, path))) await removeStale(socket, path)
    const { dev, ino } = await lstat(path)
    return () => {
      const now = lstatSync(path, { throwIfNoEntry: false })
      if (now?.dev === dev && now.ino === ino) unlinkSync(path)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function isLinked(socket: string, path: string): Promise<boolean> {
  try {
    await link(socket, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

/**
 * Removes a socket that a dead process left behind. Only the holder of a lock may: otherwise one process could remove a socket
 * that another one created after the check. The lock is a link to the holder's socket, which shows whether the holder lives.
 */
async function removeStale(socket: string, path: string): Promise<void> {
  const lock = `${path}.lock`
  if (!(await isDead(path))) throw Object.assign(new Error('It is served.'), { code: 'EADDRINUSE' })
  if (!(await isLinked(socket, lock))) {
    if (await isDead(lock)) await rm(lock, { force: true })
    else await new Promise((resolve) => setTimeout(resolve, 5))
    return
  }
  try {
    if (await isDead(path)) await rm(path, { force: true })
  } finally {
    await rm(lock, { force: true })
  }
}

/** Returns true if nobody listens on the socket, or if it is gone. */
async function isDead(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(() => {})
  if (!stats) return true
  if (!stats.isSocket()) throw new Error('a file that is not a socket is in the way')
  return new Promise((resolve, reject) => {
    const socket = createConnection(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(true)
      // Its backlog is full.
      else if (error.code === 'EAGAIN') resolve(false)
      else reject(error)
    })
  })
}
