import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from '../test-support/free-port.js'

export type Fault = 'reset' | 'end' | 'stall' | 'restart'

interface Passage {
  readonly client: Socket
  readonly server: Socket
}

/** Sits between clients and a server, and fails like networks and proxies do. */
export class ChaosProxy {
  readonly faults: Record<Fault, number> = { reset: 0, end: 0, stall: 0, restart: 0 }
  readonly #target: number
  readonly #passages = new Set<Passage>()
  #server: Server
  #port = 0
  #stopped = false
  #restarting = false

  constructor(target: number) {
    this.#target = target
    this.#server = this.#create()
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`
  }

  get passages(): Passage[] {
    return [...this.#passages]
  }

  async start(): Promise<this> {
    this.#port ||= await freePort()
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  /** Cuts one connection at both ends, in the middle of anything. */
  reset({ client, server }: Passage): void {
    this.faults.reset++
    client.resetAndDestroy()
    server.resetAndDestroy()
  }

  /** Ends one connection like a server that has nothing more to send. */
  end({ client }: Passage): void {
    this.faults.end++
    client.end()
  }

  /** Silently stops forwarding, so that both sides believe that they are connected. */
  stall({ client, server }: Passage): void {
    this.faults.stall++
    server.unpipe(client).pause()
    client.unpipe(server).pause()
  }

  /** Cuts everything, and refuses connections for a while. Does nothing during another restart. */
  async restart(downMs: number): Promise<void> {
    if (this.#restarting) return
    this.#restarting = true
    this.faults.restart++
    await this.#close()
    await new Promise((resolve) => setTimeout(resolve, downMs))
    if (!this.#stopped) {
      this.#server = this.#create()
      await this.start()
    }
    this.#restarting = false
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#close()
  }

  #create(): Server {
    return createServer((client) => {
      const server = connect(this.#target, '127.0.0.1')
      const passage = { client, server }
      this.#passages.add(passage)
      client.on('error', () => {}).on('close', () => server.destroy())
      server.on('error', () => {}).on('close', () => client.destroy())
      client.on('close', () => this.#passages.delete(passage))
      client.pipe(server).pipe(client)
    })
  }

  async #close(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined
    this.#server.close()
    for (const { client, server } of this.#passages) {
      client.destroy()
      server.destroy()
    }
    await closed
  }
}
