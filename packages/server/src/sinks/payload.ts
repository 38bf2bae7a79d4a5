const crlf = '\r\n'

/** A piece of a stream, encoded once and written to any number of connections. */
export class Payload {
  /** The number of connections that still have to send these bytes. Counted for large payloads only. */
  holders = 0
  /** Dropped once the text is encoded. */
  #text: string
  #bytes: Uint8Array | undefined
  #chunk: Uint8Array | undefined

  constructor(text: string) {
    this.#text = text
  }

  /** The bytes of the response body. */
  get bytes(): Uint8Array {
    if (!this.#bytes) this.#encode()
    return this.#bytes!
  }

  /** The same bytes as one chunk of HTTP/1.1's chunked transfer coding. */
  get chunk(): Uint8Array {
    if (!this.#bytes) this.#encode()
    this.#chunk ??= chunkOf(this.#bytes!)
    return this.#chunk
  }

  #encode(): void {
    if (typeof Buffer === 'function') this.#encodeToBuffer()
    else this.#bytes = new TextEncoder().encode(this.#text)
    this.#text = ''
  }

  /** Puts both forms into one buffer, so that a large event exists once. A `Buffer`, since sockets have to wrap other byte arrays. */
  #encodeToBuffer(): void {
    const length = Buffer.byteLength(this.#text)
    const size = length.toString(16) + crlf
    const chunk = Buffer.allocUnsafe(size.length + length + crlf.length)
    chunk.write(size, 0)
    chunk.write(this.#text, size.length)
    chunk.write(crlf, size.length + length)
    this.#chunk = chunk
    this.#bytes = chunk.subarray(size.length, size.length + length)
  }
}

function chunkOf(bytes: Uint8Array): Uint8Array {
  const encoder = new TextEncoder()
  const size = encoder.encode(bytes.length.toString(16) + crlf)
  const chunk = new Uint8Array(size.length + bytes.length + crlf.length)
  chunk.set(size)
  chunk.set(bytes, size.length)
  chunk.set(encoder.encode(crlf), size.length + bytes.length)
  return chunk
}
