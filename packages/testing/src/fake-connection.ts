/**
 * One response body: the server's end, to which a test writes, and the client's end as a reader. It needs no web streams, which
 * Jest's jsdom lacks.
 */
export class FakeConnection {
  /** Settles when the client has gone or the body has ended. */
  readonly closed: Promise<void>
  readonly #chunks: string[] = []
  readonly #delivered: (() => void)[] = []
  #isClosed = false
  #failure: { error: unknown } | undefined
  #close!: () => void
  /** Wakes the waiting reader. */
  #wake: (() => void) | undefined

  constructor(signal?: AbortSignal | null) {
    this.closed = new Promise((resolve) => {
      this.#close = resolve
    })
    signal?.addEventListener('abort', () => this.#end({ error: signal.reason }), { once: true })
  }

  /** Settles when the client has read the text and asks for more, or has gone. */
  write(text: string): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    this.#chunks.push(text)
    this.#wake?.()
    return new Promise((resolve) => this.#delivered.push(resolve))
  }

  /** Breaks the connection, as a network does. */
  drop(): void {
    this.#end({ error: new TypeError('terminated') })
  }

  /** Ends the body, as a server does. */
  end(): void {
    this.#end()
  }

  /** Ends the body for a client that leaves, and drops the rest. */
  cancel(): Promise<void> {
    this.#chunks.length = 0
    this.#end()
    return Promise.resolve()
  }

  /** Reads the next chunk, as the reader of a stream does. */
  async read(): Promise<{ done: false; value: string } | { done: true; value: undefined }> {
    for (;;) {
      if (this.#failure) throw this.#failure.error
      const value = this.#chunks.shift()
      if (value !== undefined) return { done: false, value }
      this.#settle()
      if (this.#isClosed) return { done: true, value: undefined }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #end(failure?: { error: unknown }): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#failure = failure
    this.#close()
    this.#settle()
    this.#wake?.()
  }

  /** Notes that the client has dealt with every chunk, or never will. */
  #settle(): void {
    for (const resolve of this.#delivered.splice(0)) resolve()
  }
}
