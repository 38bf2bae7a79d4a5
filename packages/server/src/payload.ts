const utf8 = new TextEncoder()

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
    this.#bytes ??= utf8.encode(this.#text)
    return this.#bytes
  }

  /** As one chunk of HTTP/1.1's chunked transfer coding. */
  get chunk(): Uint8Array {
    this.#chunk ??= chunkOf(this.bytes)
    return this.#chunk
  }
}

function chunkOf(bytes: Uint8Array): Uint8Array {
  const head = utf8.encode(`${bytes.length.toString(16)}\r\n`)
  const chunk = new Uint8Array(head.length + bytes.length + 2)
  chunk.set(head)
  chunk.set(bytes, head.length)
  chunk[chunk.length - 2] = 13
  chunk[chunk.length - 1] = 10
  return chunk
}
