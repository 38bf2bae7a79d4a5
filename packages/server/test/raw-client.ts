import { once } from 'node:events'
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import { onTestFinished } from 'vitest'

/** A TCP connection that sends raw text and collects the answer as text. */
export interface RawClient {
  readonly socket: Socket
  /** Resolves with the whole answer so far as soon as it contains `part`. */
  until(part: string): Promise<string>
}

/** Connects to a server on this machine and sends `text`. */
export async function sendRaw(
  port: number,
  text: string,
  options: Partial<TcpNetConnectOpts> = {},
): Promise<RawClient> {
  const socket = connect({ ...options, port, host: '127.0.0.1' })
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  let received = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    received += chunk
  })
  socket.write(text)
  return {
    socket,
    async until(part) {
      while (!received.includes(part)) await once(socket, 'data')
      return received
    },
  }
}
