import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { z } from 'zod'

const events = defineEvents({ tick: z.object({ n: z.number() }) })

/** A server that numbers its events, allows every origin, and cuts all connections after every hundredth event. */
export class Ticker {
  readonly requests: IncomingMessage[] = []
  #published = 0
  #timer: NodeJS.Timeout | undefined
  readonly #manager = new EventManager({ events, retryMs: 100, retention: { maxEvents: 100_000 } })
  readonly #server = createServer((request, response) => {
    this.requests.push(request)
    response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '*')
    response.setHeader('Access-Control-Allow-Credentials', 'true')
    if (request.method === 'OPTIONS') {
      response.setHeader('Access-Control-Allow-Headers', 'Last-Event-ID, X-Smoke')
      response.writeHead(204).end()
    } else void handleEventStream(this.#manager, request, response, { replay: Number.MAX_SAFE_INTEGER })
  })

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  get connections(): number {
    return this.#manager.connections.size
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.#timer = setInterval(() => {
      // Publishes only while a client is connected, so that each cut has a witness.
      if (this.connections === 0) return
      this.#manager.emit('tick', { n: ++this.#published })
      if (this.#published % 100 === 0) this.#server.closeAllConnections()
    }, 2)
    return this
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#manager.close()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
