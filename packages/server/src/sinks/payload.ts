const crlf = '\r\n'

/** A piece of a stream, encoded once and written to any number of connections. */
export class Payload {
  /** The number of connections that still have to send these bytes. Counted for large payloads only. */
  holders = 0
  /** Dropped once the text is encoded. */
  #text: string | undefined
  #length = 0
  #bytes: Uint8Array | undefined
  #chunk: Uint8Array | undefined

  constructor(text: string) {
    this.#text = text
  }

  /** The number of bytes in `bytes`. */
  get length(): number {
    this.#encode()
    return this.#length
  }

  /** The bytes of the response body. */
  get bytes(): Uint8Array {
    this.#encode()
    this.#bytes ??= bodyOf(this.#chunk!, this.#length)
    return this.#bytes
  }

  /** The same bytes as one chunk of HTTP/1.1's chunked transfer coding. */
  get chunk(): Uint8Array {
    this.#encode()
    this.#chunk ??= chunkOf(this.#bytes!)
    return this.#chunk
  }

  /** Makes one of the two forms. The other one is made when it is asked for: most connections need one. */
  #encode(): void {
    if (this.#text === undefined) return
    if (typeof Buffer === 'function') {
      this.#length = Buffer.byteLength(this.#text)
      this.#chunk = encodeChunk(this.#text, this.#length)
    } else {
      this.#bytes = new TextEncoder().encode(this.#text)
      this.#length = this.#bytes.length
    }
    this.#text = undefined
  }
}

/** Encodes into the buffer that the body will be a part of, so that a large event exists once. Sockets would have to wrap byte arrays other than a `Buffer`. */
function encodeChunk(text: string, length: number): Buffer {
  const size = length.toString(16) + crlf
  const chunk = Buffer.allocUnsafe(size.length + length + crlf.length)
  chunk.write(size, 0)
  chunk.write(text, size.length)
  chunk.write(crlf, size.length + length)
  return chunk
}

function bodyOf(chunk: Uint8Array, length: number): Uint8Array {
  return chunk.subarray(chunk.length - crlf.length - length, chunk.length - crlf.length)
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
