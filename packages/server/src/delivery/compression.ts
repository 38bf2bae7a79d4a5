import { makeBytes } from '../runtime/guard.js'
import { Payload } from '../sinks/payload.js'

// One zlib stream (RFC 1950) for each connection, put together from blocks that connections share. A block may refer back only
// to bytes that every stream which gets it has just had.

/** Compresses the streams of a route. `sharedDeflate` in `@rivulet/server/deflate` makes one. */
export interface Compression {
  /**
   * Compresses bytes into blocks of the deflate format (RFC 1951).
   *
   * The result MUST end at a byte boundary, MUST NOT contain a final block, and MUST NOT refer to anything before
   * `dictionary`, the bytes that directly precede these ones in the stream. It MUST NOT refer to the dictionary if that is empty.
   * If it throws, or returns something else, the stream ends and `onError` is told. The bytes are copied before the next call.
   */
  compress(bytes: Uint8Array, dictionary: Uint8Array): Uint8Array
}

/** The largest dictionary in bytes. More would take longer to index for each event than it saves. */
export const dictionaryBytes = 8_192

/** Part of a compressed stream, and the checksum of what it stands for. */
export interface Block {
  readonly payload: Payload
  readonly checksum: Checksum
}

/** Adler-32 (RFC 1950) of some bytes, and their number. */
export interface Checksum {
  readonly low: number
  readonly high: number
  readonly length: number
}

/** The largest prime below 65,536. */
const base = 65_521
/** The number of bytes after which the sums may exceed 32 bits. */
const bytesPerSum = 3_800

function checksumOf(bytes: Uint8Array): Checksum {
  let low = 1
  let high = 0
  for (let index = 0; index < bytes.length; ) {
    for (const end = Math.min(index + bytesPerSum, bytes.length); index < end; index++) {
      low += bytes[index]!
      high += low
    }
    low %= base
    high %= base
  }
  return { low, high, length: bytes.length }
}

/** The checksum of two texts, one after the other. */
export function combine(one: Checksum, other: Checksum): Checksum {
  const length = other.length % base
  return {
    low: (one.low + other.low + base - 1) % base,
    high: (length * one.low + one.high + other.high + base - length) % base,
    length: one.length + other.length,
  }
}

const noDictionary = new Uint8Array(0)

/** Compresses bytes that follow a dictionary. */
export function blockOf(compression: Compression, { bytes }: Payload, dictionary: Uint8Array = noDictionary): Block {
  const block = makeBytes('compression.compress()', () => compression.compress(bytes, dictionary))
  return { payload: new Payload(block), checksum: checksumOf(bytes) }
}

const alone = new WeakMap<Compression, WeakMap<Payload, Block>>()

/** A block that refers to nothing before it, so that every stream can have it at any time. The same for everyone who asks. */
export function aloneBlockOf(compression: Compression, payload: Payload): Block {
  const blocks = alone.get(compression) ?? new WeakMap<Payload, Block>()
  alone.set(compression, blocks)
  const known = blocks.get(payload)
  if (known) return known
  const block = payload.length <= mostBytes ? blockOf(compression, payload) : storedBlockOf(payload)
  blocks.set(payload, block)
  return block
}

/** Compressing more would hold up the event loop for too long. */
export const mostBytes = 262_144
/** The largest size of one uncompressed block. */
const storedBytes = 65_535

/** Uncompressed blocks. */
export function storedBlockOf({ bytes }: Payload): Block {
  const count = Math.ceil(bytes.length / storedBytes)
  const blocks = new Uint8Array(bytes.length + 5 * count)
  for (let index = 0; index < count; index++) {
    const part = bytes.subarray(index * storedBytes, (index + 1) * storedBytes)
    const { length } = part
    const at = index * (5 + storedBytes)
    blocks.set([0, length & 255, length >> 8, ~length & 255, (~length >> 8) & 255], at)
    blocks.set(part, at + 5)
  }
  return { payload: new Payload(blocks), checksum: checksumOf(bytes) }
}
