import { createConnection, createServer, type Socket } from 'node:net'

/** A way between two processes of one machine that can be cut, and stand still. */
export class FlakyPipe {
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  readonly #server = createServer((near) => this.#join(near))
  readonly #to: string
  #still = false
  /** Bytes after which the next connection is cut, wherever that is in a frame. */
  cutAfter: number = Infinity

  private constructor(to: string) {
    this.#to = to
  }

  static async open(path: string, to: string): Promise<FlakyPipe> {
    const pipe = new FlakyPipe(to)
    await new Promise<void>((resolve) => pipe.#server.listen(path, resolve))
    return pipe
  }

  #join(near: Socket): void {
    const far = createConnection(this.#to)
    const pair = [near, far] as const
    this.#pairs.add(pair)
    const cut = () => {
      this.#pairs.delete(pair)
      near.destroy()
      far.destroy()
    }
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('error', () => {})
      from.on('close', cut)
      from.on('data', (chunk) => {
        if (chunk.length < this.cutAfter) {
          this.cutAfter -= chunk.length
          to.write(chunk)
          return
        }
        to.write(chunk.subarray(0, this.cutAfter))
        this.cutAfter = Infinity
        cut()
      })
    }
    if (this.#still) for (const socket of pair) socket.pause()
  }

  cut(): void {
    for (const sockets of [...this.#pairs]) for (const socket of sockets) socket.destroy()
  }

  /** Lets nothing through, until `flow`. */
  stand(): void {
    this.#still = true
    for (const sockets of this.#pairs) for (const socket of sockets) socket.pause()
  }

  flow(): void {
    this.#still = false
    for (const sockets of this.#pairs) for (const socket of sockets) socket.resume()
  }

  close(): void {
    this.cut()
    this.#server.close()
  }
}
