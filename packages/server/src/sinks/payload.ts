const crlf = '\r\n'

/** A piece of a stream, encoded once and written to any number of connections. */
export class Payload {
  /** The number of connections that still have to send these bytes. Counted for large payloads only. */
  holders = 0
  /** Dropped once it is encoded. */
  #content: string | Uint8Array | undefined
  #length = 0
  #bytes: Uint8Array | undefined
  #chunk: Uint8Array | undefined

  /** @param content A text, or bytes as they are, which are copied: they may be a small part of a buffer. */
  constructor(content: string | Uint8Array) {
    this.#content = content
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
    const content = this.#content
    if (content === undefined) return
    if (typeof Buffer === 'function') {
      this.#length = typeof content === 'string' ? Buffer.byteLength(content) : content.length
      this.#chunk = encodeChunk(content, this.#length)
    } else {
      this.#bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content.slice()
      this.#length = this.#bytes.length
    }
    this.#content = undefined
  }
}

/** Encodes into the buffer that the body will be a part of, so that a large event exists once. Sockets would have to wrap byte arrays other than a `Buffer`. */
function encodeChunk(content: string | Uint8Array, length: number): Buffer {
  const size = length.toString(16) + crlf
  const chunk = Buffer.allocUnsafe(size.length + length + crlf.length)
  chunk.write(size, 0)
  if (typeof content === 'string') chunk.write(content, size.length)
  else chunk.set(content, size.length)
  chunk.write(crlf, size.length + length)
  return chunk
}

function bodyOf(chunk: Uint8Array, length: number): Uint8Array {
  return chunk.subarray(chunk.length - crlf.length - length, chunk.length - crlf.length)
}

function chunkOf(bytes: Uint8Array): Uint8Array {
  const encoder = new TextEncoder()
  const size = encoder.encode(bytes.length.toString(16) + crlf)
  const length = size.length + bytes.length + crlf.length
  const chunk = new Uint8Array(length)
  chunk.set(size)
  chunk.set(bytes, size.length)
  chunk.set(encoder.encode(crlf), size.length + bytes.length)
  return chunk
}
