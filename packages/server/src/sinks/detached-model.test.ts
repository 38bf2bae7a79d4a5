import { once } from 'node:events'
import { Agent, createServer, type ServerResponse, request as send } from 'node:http'
import type { Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { randomFrom } from '../../../../test-support/random.js'
import { heapInUse } from '../../test/heap.js'
import { events } from '../../test/served.js'
import { controlEventsOf, dataOf, listen, openStream, type StreamClient } from '../../test/stream-client.js'
import { EventManager } from '../event-manager.js'
import { handleEventStream } from '../node.js'

const seeds = Math.ceil(Number(process.env.RIVULET_SEEDS ?? 400) / 10)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)
const steps = 25

/** The application's late use of a response. */
const uses: ((response: ServerResponse) => unknown)[] = [
  (response) => response.destroy(),
  (response) => response.socket?.destroy(),
  (response) => response.end(),
]

/** The fields that the application can read. */
const looks: [name: string, look: (response: ServerResponse) => unknown][] = [
  ['destroyed', (response) => response.destroyed],
  ['closed', (response) => response.closed],
  ['finished', (response) => response.finished],
  ['writableEnded', (response) => response.writableEnded],
  ['writableFinished', (response) => response.writableFinished],
  ['errored', (response) => response.errored],
  ['socket', (response) => response.socket],
  ['connection', (response) => response.connection],
  ['request aborted', ({ req }) => req.aborted],
  ['request destroyed', ({ req }) => req.destroyed],
  ['request closed', ({ req }) => req.closed],
  ['request errored', ({ req }) => req.errored],
  ['request read', ({ req }) => req.readableEnded],
  ['request broken', ({ req }) => req.readableAborted],
]

/** A client of a stream with or without a parser, and what it saw. Whatever happens, both see the same. */
class Side {
  readonly story: string[] = []
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #url: string
  readonly #responseOf: (path: string) => ServerResponse | undefined
  #stream: StreamClient | undefined
  #socket: Socket | undefined

  constructor(url: string, responseOf: (path: string) => ServerResponse | undefined) {
    this.#url = url
    this.#responseOf = responseOf
    onTestFinished(() => this.#agent.destroy())
  }

  /** The response to the latest stream; `undefined` if the application does not keep it. */
  get #response(): ServerResponse | undefined {
    return this.#responseOf(new URL(this.#url).pathname)
  }

  async open(): Promise<void> {
    if (this.#stream) return
    this.#stream = await openStream(this.#url, { agent: this.#agent })
    await this.#stream.received(1)
    this.#tellSocket(this.#stream.response.socket)
    // Its parser is gone a turn after it was opened.
    await new Promise((resolve) => setImmediate(resolve))
  }

  #tellSocket(socket: Socket): void {
    this.story.push(socket === this.#socket ? 'the same connection' : 'another connection')
    this.#socket = socket
  }

  async plain(): Promise<void> {
    if (this.#stream) return
    const asked = send(new URL('/plain', this.#url), { agent: this.#agent }).end()
    const [response] = await once(asked, 'response')
    this.#tellSocket(response.socket)
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    this.story.push(Buffer.concat(chunks).toString())
    // The agent keeps the connection a turn later.
    await new Promise((resolve) => setImmediate(resolve))
  }

  async read(message: string): Promise<void> {
    if (this.#stream?.response.isPaused()) return
    await this.#stream?.until(({ data }) => data.includes(`"${message}`))
  }

  pause(): void {
    this.#stream?.response.pause()
  }

  resume(): void {
    this.#stream?.response.resume()
  }

  /** Ends the stream, and tells of everything that came. */
  async leave(how: (client: Socket, response: ServerResponse | undefined) => unknown): Promise<void> {
    if (!this.#stream) return
    const { response, messages, comments, ended } = this.#stream
    response.resume()
    how(response.socket, this.#response)
    await ended
    const said = dataOf(messages, 'log').map(({ message }) => String(message).slice(0, 10))
    const told = controlEventsOf(messages).map((event) => (event as { type: string }).type)
    this.story.push(`${response.complete ? 'complete' : 'cut'}: ${said} ${told} ${comments}`)
    this.#stream = undefined
    await new Promise((resolve) => setImmediate(resolve))
  }

  /** The application begins to listen. */
  listen(): void {
    if (!this.#stream || !this.#response) return
    for (const event of ['finish', 'close']) this.#response.on(event, () => this.story.push(`response ${event}`))
  }

  listenToRequest(): void {
    if (!this.#stream || !this.#response) return
    for (const event of ['aborted', 'close']) this.#response.req.on(event, () => this.story.push(`request ${event}`))
  }

  /** The application looks at a response and its request, even after their end. @param first The field that it reads first. */
  look(first: number): void {
    const response = this.#response
    if (!response) return
    const seen = looks.map((_, index) => {
      const [name, look] = looks[(first + index) % looks.length]!
      return look(response) ? name : undefined
    })
    this.story.push(`looks: ${seen.filter(Boolean)}`)
  }

  /** The application writes to the stream. */
  say(): void {
    if (this.#stream) this.#response?.write(': own words\n\n')
  }

  /** The application destroys or ends a response that is over. */
  useLate(use: (response: ServerResponse) => unknown): void {
    if (!this.#stream && this.#response) use(this.#response)
  }
}

async function play(seed: number): Promise<void> {
  const random = randomFrom(seed)
  const manager = new EventManager({ events, heartbeat: false, retention: { maxBytes: 67_108_864 } })
  onTestFinished(() => manager.close())
  /** The application keeps the responses, and uses them. */
  const keeps = random() < 0.7
  const responses = new Map<string, ServerResponse>()
  const server = createServer((request, response) => {
    const path = request.url!
    if (path === '/plain') return response.end('plain')
    if (keeps) responses.set(path, response)
    // Whoever listens keeps them.
    if (path === '/attached') response.on('close', () => {})
    return handleEventStream(manager, request, response)
  })
  const url = await listen(server)
  const [attached, detached] = ['/attached', '/detached'].map(
    (path) => new Side(url + path, (asked) => responses.get(asked)),
  ) as [Side, Side]
  const both = (act: (side: Side) => unknown) => Promise.all([act(attached), act(detached)])
  let count = 0
  const publish = async (size: number) => {
    const message = `${++count} `
    await manager.publish('log', { message: message + 'x'.repeat(size) })
    await both((side) => side.read(message))
  }
  const ends: ((client: Socket, response: ServerResponse | undefined) => unknown)[] = [
    (client) => client.end(),
    (client) => client.resetAndDestroy(),
    (client) => client.destroy(),
    (_, response) => response!.end(),
    (_, response) => response!.destroy(),
  ]
  const end = async () => {
    const choice = random()
    // Nothing is left of the responses then.
    if (!keeps) await heapInUse()
    if (choice < 0.4) {
      manager.disconnect(() => true, 'enough')
      await both((side) => side.leave(() => {}))
    } else if (choice < 0.5) {
      server.closeAllConnections()
      await both((side) => side.leave(() => {}))
    } else {
      const leave = ends[Math.floor(random() * (keeps ? ends.length : 3))]!
      await both((side) => side.leave(leave))
    }
    await expect.poll(() => manager.connections.size).toBe(0)
  }
  const useLate = () => {
    const use = uses[Math.floor(random() * uses.length)]!
    return both((side) => side.useLate(use))
  }
  for (let step = 0; step < steps; step++) {
    const dice = random()
    if (dice < 0.3) await both((side) => side.open())
    else if (dice < 0.55) await publish(random() < 0.2 ? random() * 300_000 : 10)
    else if (dice < 0.62) await both((side) => side.pause())
    else if (dice < 0.7) await both((side) => side.resume())
    else if (dice < 0.72) await both((side) => side.listen())
    else if (dice < 0.74) await both((side) => side.listenToRequest())
    else if (dice < 0.76) await both((side) => side.say())
    else if (dice < 0.78) {
      const first = Math.floor(random() * looks.length)
      await both((side) => side.look(first))
    } else if (dice < 0.8) await useLate()
    else if (dice < 0.82) server.closeIdleConnections()
    else if (dice < 0.88) await both((side) => side.plain())
    else await end()
    // A connection that was closed is noticed.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  await end()
  await expect.poll(() => detached.story).toEqual(attached.story)
}

describe('is to its client and its application what it is with a parser, in random histories', () => {
  // Servers and managers stay open until their test ends, so each test has few histories.
  for (let from = firstSeed; from < firstSeed + seeds; from += 20) {
    const to = Math.min(from + 20, firstSeed + seeds)
    it(`seeds ${from} to ${to - 1}`, { timeout: 120_000 }, async () => {
      for (let seed = from; seed < to; seed++) {
        await play(seed).catch((error: Error) => {
          error.message = `RIVULET_SEED=${seed}: ${error.message}`
          throw error
        })
      }
    })
  }
})
