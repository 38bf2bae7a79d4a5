import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A port for a server that may be started there again: none of those that systems give to whoever asks for any, since the
 * next to ask could get it.
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
