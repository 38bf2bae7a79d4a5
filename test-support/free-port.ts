import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Finds a port on which a server can start again and again. It is outside the range from which systems assign ports, because
 * another process could get such a port in between.
 */
export async function freePort(): Promise<number> {
  const port = 10_000 + Math.floor(Math.random() * 20_000)
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return freePort()
  }
  await once(server.close(), 'close')
  return port
}
