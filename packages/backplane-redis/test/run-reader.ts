import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import { createDecoder, parseControlEvent } from '@rivulet/core'

/** An output, a gap or the end, in the order in which they came. */
export type RunSeen =
  | { readonly kind: 'output'; readonly producer: string; readonly n: number }
  | { readonly kind: 'gap' }
  | { readonly kind: 'end'; readonly data: string; readonly at: number }

/** Reads one run over HTTP with its cursor, from connection to connection and from node to node, until its end. */
export class RunReader {
  readonly id: string
  readonly seen: RunSeen[] = []
  readonly problems: string[] = []
  /** The statuses of its responses. */
  readonly statuses: (number | undefined)[] = []
  /** The port of the node that it reads from; `undefined` without a connection. */
  port: number | undefined
  /** The time of the request whose answer said that there is no such run, in milliseconds since the Unix epoch. */
  goneAt: number | undefined
  #request: ClientRequest | undefined
  #response: IncomingMessage | undefined
  #cursor = ''
  #slow = false

  constructor(id: string) {
    this.id = id
  }

  get ended(): boolean {
    return this.seen.some(({ kind }) => kind === 'end')
  }

  connect(port: number): void {
    const headers = this.#cursor ? { 'Last-Event-ID': this.#cursor } : {}
    const askedAt = Date.now()
    const request = get({ port, host: '127.0.0.1', path: `/${this.id}`, agent: false, headers }, (response) => {
      if (request !== this.#request) return
      this.#response = response
      this.#receive(request, response, askedAt)
    })
    request.on('error', () => {}).on('close', () => this.#lose(request))
    this.#request = request
    this.port = port
  }

  #receive(request: ClientRequest, response: IncomingMessage, askedAt: number): void {
    const { statusCode } = response
    this.statuses.push(statusCode)
    response.on('error', () => {})
    if (statusCode === 204 && !this.ended) this.problems.push('204 before the end')
    if (statusCode === 404) this.goneAt = askedAt
    if (statusCode !== 200) return void response.resume()
    const decoder = createDecoder({
      lastEventId: this.#cursor,
      onMessage: (message) => {
        if (request !== this.#request) return
        const control = parseControlEvent(message)
        if (this.ended) this.problems.push(`${message.event} after the end`)
        if (control?.type === 'rivulet:gap') this.seen.push({ kind: 'gap' })
        else if (control?.type === 'rivulet:end') {
          this.seen.push({ kind: 'end', data: message.data, at: performance.now() })
        } else if (message.event === 'token') {
          const [producer, n] = JSON.parse(message.data).text.split(':')
          this.seen.push({ kind: 'output', producer, n: Number(n) })
        }
        this.#cursor = message.lastEventId
      },
    })
    response.on('data', (chunk) => decoder.feed(chunk))
    if (this.#slow) response.pause()
  }

  #lose(request: ClientRequest): void {
    if (request !== this.#request) return
    this.#request = this.#response = this.port = undefined
  }

  /** Stops to take bytes, or goes on. */
  set slow(slow: boolean) {
    this.#slow = slow
    if (slow) this.#response?.pause()
    else this.#response?.resume()
  }

  get slow(): boolean {
    return this.#slow
  }

  /** The network is gone, or the page is. */
  leave(): void {
    const request = this.#request
    this.#request = this.#response = this.port = undefined
    request?.destroy()
  }
}
