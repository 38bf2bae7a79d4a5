import { connect, type OnReadOpts, type Socket } from 'node:net'
import { now } from './clock.js'
import { markByte } from './event.js'
import { SampleReader, type Samples } from './sample-reader.js'

export interface ConnectionOptions {
  readonly port: number
  /** An address of the server. */
  readonly address: string
  /** Request for the stream, instead of a plain GET. */
  readonly request?: string | undefined
  /** Reads each event and records its arrival, instead of only counting. */
  readonly samples?: Samples | undefined
  /** Reads nothing after the response's first bytes. */
  readonly stalled: boolean
  readonly onEvents: (count: number) => void
  /** Gets all bytes, which the next read overwrites. */
  readonly onChunk?: ((chunk: Buffer) => void) | undefined
  readonly onFailure: (error: Error) => void
}

// One buffer for all connections, whose content is used before the next read.
const buffer = Buffer.allocUnsafeSlow(65_536)
const plainRequest = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n'

/** Opens a stream over a bare socket, to keep the load generator cheap. Resolves when the response has begun. */
export function openConnection(options: ConnectionOptions): Promise<Socket> {
  const { port, address, request = plainRequest, samples, stalled, onEvents, onChunk, onFailure } = options
  return new Promise((resolve, reject) => {
    let opened = false
    const reader = samples && new SampleReader(samples, fail)
    const onread: OnReadOpts = {
      buffer,
      callback: (size) => {
        const chunk = buffer.subarray(0, size)
        if (!opened) open(chunk)
        const count = countMarks(chunk)
        reader?.read(chunk, now())
        onChunk?.(chunk)
        if (count > 0) onEvents(count)
        return true
      },
    }
    const socket = connect({ port, host: address, onread })
    socket.setNoDelay(true)
    socket.on('error', (error) => fail(error))
    socket.on('close', () => fail(new Error('The server closed a connection.')))
    socket.write(request)

    function open(chunk: Buffer): void {
      opened = true
      const status = chunk.toString('latin1', 0, 12)
      if (status !== 'HTTP/1.1 200') fail(new Error(`The server answered ${status}.`))
      if (stalled) socket.pause()
      resolve(socket)
    }

    function fail(error: Error): void {
      reject(error)
      if (!socket.destroyed || opened) onFailure(error)
      socket.destroy()
    }
  })
}

function countMarks(chunk: Buffer): number {
  let count = 0
  for (let at = chunk.indexOf(markByte); at !== -1; at = chunk.indexOf(markByte, at + 1)) count++
  return count
}
