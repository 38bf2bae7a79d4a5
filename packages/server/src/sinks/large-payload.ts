import { Payload } from './payload.js'

/** The number of characters of a part. A text must be longer to be sent in parts. */
export const partChars = 262_144

/**
 * A payload that is encoded and sent in parts, so that a connection whose client reads slowly holds one part of its bytes
 * instead of all of them. The parts share the characters of `data`, which a log has anyway.
 */
export class LargePayload extends Payload {
  readonly #data: string
  readonly #head: string
  readonly #tail: string
  /** Encoded parts, as long as some connection has yet to send them. */
  readonly #parts: WeakRef<Payload>[] = []
  #bytes: number | undefined

  /** @param data The long part of the text, between `head` and `tail`. */
  constructor(head: string, data: string, tail: string) {
    super(head + data + tail)
    this.#head = head
    this.#data = data
    this.#tail = tail
  }

  override get length(): number {
    this.#bytes ??= Buffer.byteLength(this.#head) + Buffer.byteLength(this.#data) + Buffer.byteLength(this.#tail)
    return this.#bytes
  }

  /** The number of parts. */
  get count(): number {
    return Math.ceil(this.#data.length / partChars)
  }

  /** One of the parts. The same for all connections that send it at the same time. */
  part(index: number): Payload {
    const known = this.#parts[index]?.deref()
    if (known) return known
    const begin = index === 0 ? 0 : this.#boundary(index * partChars)
    const end = this.#boundary((index + 1) * partChars)
    const head = index === 0 ? this.#head : ''
    const tail = index === this.count - 1 ? this.#tail : ''
    const part = new Payload(head + this.#data.slice(begin, end) + tail)
    this.#parts[index] = new WeakRef(part)
    return part
  }

  /** An index at which no pair of surrogates is split: each half would be encoded as a replacement character. */
  #boundary(index: number): number {
    return /^[\ud800-\udbff][\udc00-\udfff]$/.test(this.#data.slice(index - 1, index + 1)) ? index + 1 : index
  }
}
