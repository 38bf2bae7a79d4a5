import { aloneBlockOf, type Block, blockOf, type Compression, dictionaryBytes, mostBytes } from './compression.js'
import type { Frame } from './frame.js'
import type { Piece } from './piece.js'

/** The number of bytes after which streams that joined, or had an event of their own, may make a new epoch begin. */
const epochBytes = 8_192

interface Kept {
  readonly ordinal: number
  readonly bytes: Uint8Array
}

interface SharedBlock {
  /** The ordinal of the first frame that the block may refer to. */
  readonly since: number
  readonly block: Block
}

/**
 * The compressed frames of one cohort. Streams that had nothing but its frames since the beginning of an epoch have the same
 * latest bytes, so they share blocks that refer to earlier frames. All others get blocks that refer to nothing, until the next
 * epoch begins.
 */
export class Epochs {
  readonly #compression: Compression
  readonly #blocks = new WeakMap<Piece, SharedBlock>()
  /** The ordinal of the epoch's first frame. */
  #start = 0
  /** The latest frames of the epoch, without holes. */
  #kept: Kept[] = []
  #keptBytes = 0
  /** The ordinal of the next frame. */
  #end = -1
  /** The number of bytes in the epoch. */
  #bytes = 0
  /** True if some stream is waiting for the next epoch. */
  #awaited = false

  constructor(compression: Compression) {
    this.#compression = compression
  }

  /**
   * The block of a piece that begins at an ordinal.
   *
   * @param since The ordinal from which the stream's last bytes are the frames of the cohort; `from` if they are others.
   */
  block(piece: Piece, from: number, since: number): Block {
    let shared = this.#blocks.get(piece)
    if (!shared) {
      shared = this.#encode(piece, from)
      this.#blocks.set(piece, shared)
    }
    if (since <= shared.since) return shared.block
    this.#awaited = true
    return aloneBlockOf(this.#compression, piece.payload)
  }

  #encode(piece: Piece, from: number): SharedBlock {
    if (from > this.#end || (from === this.#end && this.#awaited && this.#bytes >= epochBytes)) this.#begin(from)
    const dictionary = this.#before(from)
    this.#keep(piece.frames, from)
    if (dictionary.length === 0 || piece.payload.length > mostBytes) {
      return { since: from, block: aloneBlockOf(this.#compression, piece.payload) }
    }
    return { since: this.#start, block: blockOf(this.#compression, piece.payload, dictionary) }
  }

  #begin(ordinal: number): void {
    this.#start = ordinal
    this.#end = ordinal
    this.#kept = []
    this.#keptBytes = 0
    this.#bytes = 0
    this.#awaited = false
  }

  /** The bytes that directly precede a frame in the streams that were there for the whole epoch. */
  #before(ordinal: number): Uint8Array {
    const all = this.#kept.filter((kept) => kept.ordinal < ordinal)
    const bytes = new Uint8Array(all.reduce((sum, kept) => sum + kept.bytes.length, 0))
    let at = 0
    for (const kept of all) {
      bytes.set(kept.bytes, at)
      at += kept.bytes.length
    }
    return bytes.subarray(Math.max(0, at - dictionaryBytes))
  }

  #keep(frames: readonly Frame[], from: number): void {
    for (const [index, frame] of frames.entries()) {
      const ordinal = from + index
      if (ordinal < this.#end) continue
      const { bytes, length } = frame.payload
      // A copy: a part would hold on to the buffer of a large event.
      this.#kept.push({ ordinal, bytes: length > dictionaryBytes ? bytes.slice(-dictionaryBytes) : bytes })
      this.#keptBytes += Math.min(length, dictionaryBytes)
      this.#bytes += length
      this.#end++
    }
    // Twice as much as a dictionary, for streams that are some frames behind.
    while (this.#keptBytes - this.#kept[0]!.bytes.length >= 2 * dictionaryBytes) {
      this.#keptBytes -= this.#kept.shift()!.bytes.length
    }
  }
}
