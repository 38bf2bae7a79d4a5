import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** The way of one node to a server, which a test can cut. */
export class TcpProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #upstreams = new Set<Socket>()
  /** The ways to the server, from what a client has opened. */
  readonly #ways = new Map<Socket, Socket>()
  /** The number of connections that were refused. */
  refused = 0
  #refusing = false
  #target: number

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer((socket) => {
      if (this.#refusing) {
        this.refused++
        socket.destroy()
        return
      }
      const upstream = connect(this.#target, '127.0.0.1')
      this.#upstreams.add(upstream)
      upstream.on('close', () => this.#upstreams.delete(upstream))
      this.#ways.set(socket, upstream)
      socket.on('close', () => this.#ways.delete(socket))
      for (const [one, other] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        this.#sockets.add(one)
        one.pipe(other)
        one.on('error', () => {})
        one.on('close', () => {
          this.#sockets.delete(one)
          other.destroy()
        })
      }
    })
  }

  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get connections(): number {
    return this.#sockets.size / 2
  }

  /** Leads elsewhere from the next connection on. */
  retarget(port: number): void {
    this.#target = port
  }

  /** Ends what is open; new connections are refused until `mend`. */
  cut(): void {
    this.#refusing = true
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Lets nothing back on what is open: what is asked is done, and its answer is lost. */
  swallow(): void {
    for (const upstream of this.#upstreams) upstream.unpipe().resume()
  }

  /**
   * Keeps what is sent to the server on what is open.
   *
   * @returns Brings it, late.
   */
  hold(): () => void {
    const held = [...this.#ways].filter(([socket]) => !socket.isPaused())
    for (const [socket, upstream] of held) socket.unpipe(upstream).pause()
    return () => {
      for (const [socket, upstream] of held) if (!socket.destroyed) socket.pipe(upstream)
    }
  }

  mend(): void {
    this.#refusing = false
  }

  dispose(): void {
    this.cut()
    this.#server.close()
  }
}
