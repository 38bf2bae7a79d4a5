import { lstatSync, unlinkSync } from 'node:fs'
import { chmod, link, lstat, mkdtemp, rename, rm, unlink } from 'node:fs/promises'
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
 * @throws {IpcAddressError} (by rejecting) if another process serves there, or nothing can.
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
    // Otherwise node:cluster would share the pipe: several workers could serve, each a part of the connections.
    server.listen({ path, exclusive: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/**
 * The socket gets its permissions in a folder that is closed to others, and only then its path, in one step that fails if
 * there is something.
 */
async function listenPrivately(server: Server, path: string): Promise<() => void> {
  const folder = await mkdtemp(`${path}-`)
  try {
    const socket = join(folder, 's')
    await listenAt(server, socket)
    await chmod(socket, 0o600)
    while (!(await isLinked(socket, path))) await removeStale(path, join(folder, 'o'))
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
 * Removes a socket that a dead process left behind.
 *
 * @param aside Where it is moved. Another process may have taken over the path since it was examined: what was moved is
 * examined again, and put back.
 */
async function removeStale(path: string, aside: string): Promise<void> {
  try {
    if (!(await lstat(path)).isSocket()) throw new Error('a file that is not a socket is in the way')
    await examine(path)
    await rename(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  await examine(aside).catch(async (error: unknown) => {
    await isLinked(aside, path)
    throw error
  })
  await unlink(aside)
}

/** Rejects unless the process that listened on a socket is dead. */
function examine(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path)
    socket.once('connect', () => {
      socket.destroy()
      reject(Object.assign(new Error('It is served.'), { code: 'EADDRINUSE' }))
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve()
      // Its backlog is full.
      else if (error.code === 'EAGAIN') reject(Object.assign(error, { code: 'EADDRINUSE' }))
      else reject(error)
    })
  })
}
