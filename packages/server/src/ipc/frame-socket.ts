import type { Socket } from 'node:net'
import { IpcProtocolError } from './errors.js'
import { encodeFrames, FrameReader, greeting } from './wire.js'

export interface FrameSocketOptions {
  /** Bytes that may wait for the other end. Beyond them the socket is destroyed. */
  readonly maxBacklogBytes: number
  onFrame(frame: unknown): void
  /** Called instead of sending a frame that cannot be cloned or is too large. */
  onRefused(frame: unknown, error: unknown): void
  /** Called once, after the last frame. */
  onEnd(error: Error | undefined): void
}

/** One end of a connection between two processes. All frames of one turn of the event loop are one write. */
export class FrameSocket {
  readonly #socket: Socket
  readonly #options: FrameSocketOptions
  readonly #reader = new FrameReader()
  #outbox: unknown[] = []
  #ended = false

  constructor(socket: Socket, options: FrameSocketOptions) {
    this.#socket = socket
    this.#options = options
    let failure: Error | undefined
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('error', (error) => {
      failure = error
    })
    socket.on('close', () => {
      this.#ended = true
      options.onEnd(failure)
    })
    socket.write(`${greeting}\n`)
  }

  /** True if the other end has sent its greeting, or something else in its place. */
  get greeted(): boolean {
    return this.#reader.greeting !== undefined
  }

  /** Bytes that wait for the other end, as of the last turn. */
  get backlogBytes(): number {
    return this.#socket.writableLength
  }

  send(frame: unknown): void {
    if (this.#ended) return
    if (this.#outbox.push(frame) === 1) setImmediate(() => this.#flush())
  }

  /** Sends a last frame, and ends the connection. If the other process stands still, this one does not wait for it. */
  end(frame: unknown): void {
    this.send(frame)
    setImmediate(() => this.#socket.end().unref())
  }

  /** Ends the connection at once. `onEnd` is called later. */
  destroy(error?: Error): void {
    if (this.#ended) return
    this.#ended = true
    this.#socket.destroy(error)
  }

  #flush(): void {
    const frames = this.#outbox
    this.#outbox = []
    if (this.#ended) return
    // The frames of one turn may be large, but not on top of a backlog.
    if (this.#socket.writableLength > this.#options.maxBacklogBytes) {
      this.destroy(new Error(`The other process left more than ${this.#options.maxBacklogBytes} bytes unread.`))
      return
    }
    for (const batch of encodeFrames(frames, this.#options.onRefused)) this.#socket.write(batch)
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return
    try {
      const frames = this.#reader.push(chunk)
      const received = this.#reader.greeting
      if (received !== undefined && received !== greeting) throw new IpcProtocolError(received, greeting)
      for (const frame of frames) {
        if (this.#ended) return
        this.#options.onFrame(frame)
      }
    } catch (error) {
      this.destroy(error as Error)
    }
  }
}
