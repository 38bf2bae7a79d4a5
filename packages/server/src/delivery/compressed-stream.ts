import { Payload } from '../sinks/payload.js'
import { aloneBlockOf, type Block, type Checksum, type Compression, combine, storedBlockOf } from './compression.js'
import type { Epochs } from './epochs.js'
import type { Piece } from './piece.js'

/** Smaller texts for one connection alone hardly shrink, such as the beginning of a stream and its heartbeats. */
const leastBytes = 512

/** The header of a zlib stream. */
const streamHeader: Payload = new Payload(Uint8Array.of(0x78, 0x01))

/** The compressed stream of one connection. */
export class CompressedStream {
  readonly compression: Compression
  /** The cohort whose frames its last bytes are, from the ordinal `#since` to before `#next`. `undefined` if they are others. */
  #epochs: Epochs | undefined
  #since = 0
  #next = 0
  #sum: Checksum | undefined

  constructor(compression: Compression) {
    this.compression = compression
  }

  /** Takes a payload that is not a piece of the cohort's queue. @returns The bytes to write. */
  own(payload: Payload): readonly Payload[] {
    this.#epochs = undefined
    return this.#add(payload.length < leastBytes ? storedBlockOf(payload) : aloneBlockOf(this.compression, payload))
  }

  /** Takes a piece of the cohort's queue that begins at an ordinal. @returns The bytes to write. */
  shared(piece: Piece, from: number, epochs: Epochs): readonly Payload[] {
    if (this.#epochs !== epochs || this.#next !== from) this.#since = from
    this.#epochs = epochs
    this.#next = from + piece.frames.length
    const block = epochs.block(piece, from, this.#since)
    return this.#add(block)
  }

  #add({ payload, checksum }: Block): readonly Payload[] {
    if (this.#sum) {
      this.#sum = combine(this.#sum, checksum)
      return [payload]
    }
    this.#sum = checksum
    return [streamHeader, payload]
  }

  /** The end of the stream: an empty final block, and the checksum. */
  trailer(): Payload {
    const { low, high } = this.#sum!
    return new Payload(Uint8Array.of(3, 0, high >> 8, high & 255, low >> 8, low & 255))
  }
}
