import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { ConnectionOptions } from '../server/client-connection.js'
import { now } from '../server/clock.js'
import { SampleReader } from '../server/sample-reader.js'

const handshake = [
  'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
]

/** First characters of packets, see https://socket.io/docs/v4/engine-io-protocol/ and socket-io-protocol. */
const packets = { open: '0', ping: '2', pong: '3', connect: '40', event: '42' }

/** A Socket.IO client over a bare socket, as cheap as that of an event stream. Resolves when it is connected. */
export function openSocketIo(options: ConnectionOptions): Promise<Socket> {
  const { port, address, samples, onEvents, onChunk, onFailure } = options
  return new Promise((resolve, reject) => {
    let upgraded = false
    let rest: Buffer = Buffer.alloc(0)
    const reader = samples && new SampleReader(samples, fail)
    const socket = connect({ port, host: address })
    socket.setNoDelay(true)
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('The server closed a connection.')))
    socket.on('data', (chunk) => {
      onChunk?.(chunk)
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      if (!upgraded && !upgrade()) return
      let events = 0
      for (let frame = takeFrame(); frame; frame = takeFrame()) if (handle(frame)) events++
      if (events > 0) onEvents(events)
    })
    socket.write(`${handshake.join('\r\n')}\r\n\r\n`)

    function upgrade(): boolean {
      const end = rest.indexOf('\r\n\r\n')
      if (end === -1) return false
      if (!rest.toString('latin1').startsWith('HTTP/1.1 101')) fail(new Error(rest.toString('latin1', 0, end)))
      rest = rest.subarray(end + 4)
      upgraded = true
      return true
    }

    /** Returns the payload of the next complete frame. Servers do not mask their frames. */
    function takeFrame(): Buffer | undefined {
      if (rest.length < 2) return
      let size = rest[1]!
      let start = 2
      if (size === 126) {
        start = 4
        if (rest.length < start) return
        size = rest.readUInt16BE(2)
      } else if (size === 127) {
        return void fail(new Error('The server sent a frame of more than 64 KiB.'))
      }
      if (rest.length < start + size) return
      const frame = rest.subarray(start, start + size)
      rest = rest.subarray(start + size)
      return frame
    }

    /** Returns `true` for an event. */
    function handle(frame: Buffer): boolean {
      const kind = frame.toString('latin1', 0, 2)
      if (kind === packets.event) {
        reader?.read(frame, now())
        return true
      }
      if (kind === packets.connect) resolve(socket)
      else if (kind[0] === packets.open) send(packets.connect)
      else if (kind[0] === packets.ping) send(packets.pong)
      else fail(new Error(`The server sent ${frame.toString('latin1', 0, 100)}`))
      return false
    }

    /** Creates a text frame. A client must mask its frames, and masking with zeros changes nothing. */
    function send(text: string): void {
      socket.write(Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0, ...Buffer.from(text)]))
    }

    function fail(error: Error): void {
      reject(error)
      onFailure(error)
      socket.destroy()
    }
  })
}
