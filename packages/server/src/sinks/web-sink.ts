import type { Payload } from './payload.js'
import { type Refusal, type Sink, type SinkListener, streamHeaders } from './sink.js'

/** Statuses for which a `Response` must have a null body. */
const bodiless = [204, 205, 304]

/** A web-standard `Response` whose body is a `ReadableStream`. */
export class WebSink implements Sink {
  /** Resolves with the stream, the refusal, or a 499 if the client left before either. */
  readonly response: Promise<Response>
  readonly #method: string
  readonly #signal: AbortSignal
  #respond!: (response: Response) => void
  #listener: SinkListener | undefined
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #waiting = false
  #closed = false

  constructor({ method, signal }: Pick<Request, 'method' | 'signal'>) {
    this.#method = method
    this.#signal = signal
    this.response = new Promise((resolve) => {
      this.#respond = resolve
    })
    if (signal.aborted) this.#close()
    else signal.addEventListener('abort', this.#close)
  }

  get bufferedBytes(): number {
    return this.#controller && !this.#closed ? 1 - this.#controller.desiredSize! : 0
  }

  get closed(): boolean {
    return this.#closed
  }

  relisten(listener: SinkListener): void {
    if (this.#listener) this.#listener = listener
  }

  attach(listener: SinkListener): void {
    this.#listener = listener
  }

  refuse({ status, message = '', headers }: Refusal): void {
    const body = bodiless.includes(status) ? null : message || null
    const response = new Response(body, { status, headers: { 'cache-control': 'no-store', ...headers } })
    this.#respond(response)
    queueMicrotask(this.#close)
  }

  open(more?: Readonly<Record<string, string>>): void {
    const headers = more ? { ...more, ...streamHeaders } : streamHeaders
    if (this.#method === 'HEAD') {
      this.#respond(new Response(null, { headers }))
      queueMicrotask(this.#close)
      return
    }
    const source: UnderlyingDefaultSource<Uint8Array> = {
      start: (controller) => {
        this.#controller = controller
      },
      pull: () => this.#drain(),
      cancel: () => this.#close(),
    }
    // With a high water mark of one byte, `pull` is called exactly when the stream is empty.
    const body = new ReadableStream(source, { highWaterMark: 1, size: (chunk) => chunk!.byteLength })
    this.#respond(new Response(body, { headers }))
  }

  write(payload: Payload): boolean {
    if (this.#closed || !this.#controller) return true
    this.#controller.enqueue(payload.bytes)
    if (this.#controller.desiredSize! <= 0) this.#waiting = true
    return !this.#waiting
  }

  #drain(): void {
    if (!this.#waiting) return
    this.#waiting = false
    this.#listener?.onDrain()
  }

  end(): void {
    if (this.#closed) return
    this.#controller?.close()
    // The reader now owns the buffered bytes, and does not say when it has read them.
    queueMicrotask(this.#close)
  }

  destroy(): void {
    if (this.#closed) return
    this.#controller?.error(new Error('The event stream was cut off.'))
    queueMicrotask(this.#close)
  }

  readonly #close = (): void => {
    if (this.#closed) return
    this.#closed = true
    // The signal may outlast the request.
    this.#signal.removeEventListener('abort', this.#close)
    // Has no effect once there is a response. If the client left earlier, the host still waits for one.
    this.#respond(new Response(null, { status: 499 }))
    this.#listener?.onClose()
  }
}
