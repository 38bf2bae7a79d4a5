/** The body of a request while it comes in. Keeps at most `maxBytes` and a chunk: whoever gets more than `maxBytes` refuses the request. */
export class BodyParts {
  readonly #maxBytes: number
  #chunks: Uint8Array[] = []
  #size = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get full(): boolean {
    return this.#size > this.#maxBytes
  }

  add(chunk: Uint8Array): void {
    if (this.full) return
    this.#chunks.push(chunk)
    this.#size += chunk.length
  }

  /** Returns the bytes, and keeps none of them. */
  take(): Uint8Array {
    const bytes = new Uint8Array(this.#chunks.reduce((size, { length }) => size + length, 0))
    let offset = 0
    for (const chunk of this.#chunks.splice(0)) {
      bytes.set(chunk, offset)
      offset += chunk.length
    }
    return bytes
  }

  /** Keeps nothing, also of what is still to come. */
  drop(): void {
    this.#chunks = []
    this.#size = Infinity
  }
}
