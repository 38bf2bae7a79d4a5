/** The server's end of one response body that a test writes. */
export class FakeConnection {
  readonly body: ReadableStream<Uint8Array>
  /** Settles when the client has gone or the body has ended. */
  readonly closed: Promise<void>
  #controller!: ReadableStreamDefaultController<Uint8Array>
  #isClosed = false
  #close!: () => void
  #delivered: (() => void)[] = []

  constructor(signal?: AbortSignal | null) {
    this.closed = new Promise((resolve) => {
      this.#close = () => {
        this.#isClosed = true
        this.#settle()
        resolve()
      }
    })
    this.body = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller
        },
        // Without a buffer of its own the stream asks for more exactly when its reader has dealt with all that came before.
        pull: () => this.#settle(),
        cancel: () => this.#close(),
      },
      { highWaterMark: 0 },
    )
    signal?.addEventListener('abort', () => this.#end((controller) => controller.error(signal.reason)), { once: true })
  }

  /** Settles when the client has read it and asks for more, or has gone. */
  write(text: string): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    const delivered = new Promise<void>((resolve) => this.#delivered.push(resolve))
    this.#controller.enqueue(new TextEncoder().encode(text))
    return delivered
  }

  /** Breaks the connection, as a network does. */
  drop(): void {
    this.#end((controller) => controller.error(new TypeError('terminated')))
  }

  /** Ends the body, as a server does. */
  end(): void {
    this.#end((controller) => controller.close())
  }

  #end(how: (controller: ReadableStreamDefaultController<Uint8Array>) => void): void {
    if (this.#isClosed) return
    how(this.#controller)
    this.#close()
  }

  #settle(): void {
    for (const resolve of this.#delivered.splice(0)) resolve()
  }
}
