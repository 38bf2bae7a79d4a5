/** Where there is a `Buffer`, sockets take it as it is; other bytes they wrap at each write. */
const encode: (text: string) => Uint8Array =
  typeof Buffer === 'function' ? (text) => Buffer.from(text) : (text) => new TextEncoder().encode(text)

/** Bytes of a stream, made once and written to any number of connections. */
export class Payload {
  readonly #text: string
  #bytes: Uint8Array | undefined
  #chunk: Uint8Array | undefined

  constructor(text: string) {
    this.#text = text
  }

  /** As the body has them. */
  get bytes(): Uint8Array {
    this.#bytes ??= encode(this.#text)
    return this.#bytes
  }

  /** As one chunk of HTTP/1.1's chunked transfer coding. */
  get chunk(): Uint8Array {
    this.#chunk ??= encode(`${this.bytes.length.toString(16)}\r\n${this.#text}\r\n`)
    return this.#chunk
  }
}
