import { deserialize, serialize } from 'node:v8'
import type { LiveMessage } from '../backplane/backplane.js'

/** The first line that both ends send. Its number changes with the frames below. */
export const greeting = 'rivulet-ipc 1'

/** An error as it crosses the socket. */
export interface WireError {
  readonly name: string
  readonly message: string
  readonly code: string | undefined
}

/** The parts of a backplane besides its own methods, with the methods that are passed on as they are. */
export const parts = {
  registry: ['beat', 'update', 'members', 'count', 'nodes', 'evict'],
  runs: ['create', 'append', 'renew', 'finish', 'lapsed', 'get', 'list', 'forget'],
} as const

/** A call of the worker. */
export type CallFrame = readonly [kind: 'call', id: number, method: string, args: readonly unknown[]]

/** An event, a gap or the backplane's health, as the host's subscriptions deliver them. */
export type DeliveryFrame =
  | readonly [kind: 'message', channel: string, message: LiveMessage]
  | readonly [kind: 'gap', channel: string | undefined]
  | readonly [kind: 'health', error: WireError | undefined]

/** Everything that the host sends: answers to calls, and deliveries. */
export type HostFrame =
  | readonly [kind: 'result', id: number, value: unknown]
  | readonly [kind: 'failure', id: number, error: WireError]
  | DeliveryFrame

/** Creates an error with the name, code and message of one that crossed the socket. */
export function fromWire({ name, message, code }: WireError): Error {
  return Object.assign(new Error(message), { name, code })
}

/** Describes anything that was thrown. */
export function toWire(error: unknown): WireError {
  try {
    const { name, message, code } = error as { name?: unknown; message?: unknown; code?: unknown }
    return { name: String(name), message: String(message), code: typeof code === 'string' ? code : undefined }
  } catch {
    return { name: 'Error', message: 'An error that cannot be described.', code: undefined }
  }
}

/** Bytes of the length in front of each batch of frames. */
const lengthBytes = 4

/** A longer batch is a mistake, or comes from another program. */
const maxBatchBytes = 2 ** 28

const maxBatchFrames = 4_096

/**
 * Encodes frames in batches: the length of each, then the frames as Node.js clones them between threads.
 *
 * @param refuse Gets each frame that cannot be cloned or is too large. The others are encoded.
 */
export function encodeFrames(
  frames: readonly unknown[],
  refuse: (frame: unknown, error: unknown) => void,
  maxBytes: number = maxBatchBytes,
): Buffer[] {
  const batches: Buffer[] = []
  const encode = (part: readonly unknown[]): void => {
    try {
      batches.push(encodeBatch(part, maxBytes))
    } catch (error) {
      if (part.length === 1) refuse(part[0], error)
      else for (const half of [part.slice(0, part.length >> 1), part.slice(part.length >> 1)]) encode(half)
    }
  }
  for (let start = 0; start < frames.length; start += maxBatchFrames) {
    encode(frames.length > maxBatchFrames ? frames.slice(start, start + maxBatchFrames) : frames)
  }
  return batches
}

function encodeBatch(frames: readonly unknown[], maxBytes: number): Buffer {
  const body = serialize(frames)
  checkSize(body.length, maxBytes)
  const batch = Buffer.allocUnsafe(lengthBytes + body.length)
  batch.writeUInt32BE(body.length)
  batch.set(body, lengthBytes)
  return batch
}

function checkSize(bytes: number, maxBytes: number): void {
  if (bytes > maxBytes)
    throw new RangeError(
      `A message of ${bytes} bytes exceeds the ${maxBytes} bytes that one between processes may have.`,
    )
}

/** Cuts the bytes of a socket into the greeting and batches of frames. */
export class FrameReader {
  /** The greeting; `undefined` until all of it has come. */
  greeting: string | undefined
  #chunks: Buffer[] = []
  #length = 0

  /** @throws The deserializer's error for malformed bytes, and a `RangeError` for a batch that is too large. */
  push(chunk: Buffer): unknown[] {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.greeting === undefined && !this.#readGreeting()) return []
    if (this.greeting !== greeting) return []
    const frames: unknown[] = []
    while (this.#length >= lengthBytes) {
      const size = this.#peekLength()
      checkSize(size, maxBatchBytes)
      if (this.#length < lengthBytes + size) break
      const batch: unknown = deserialize(this.#take(lengthBytes + size).subarray(lengthBytes))
      if (!Array.isArray(batch)) throw new TypeError('The other process sent something other than frames.')
      for (const frame of batch) frames.push(frame)
    }
    return frames
  }

  /** @returns True if it is complete. */
  #readGreeting(): boolean {
    const start = this.#join()
    const end = start.indexOf(10)
    // No greeting is that long: another program is at the other end.
    if (end < 0 && start.length < 64) return false
    this.greeting = start.toString('latin1', 0, end < 0 ? 64 : Math.min(end, 64))
    this.#take(end + 1)
    return true
  }

  #peekLength(): number {
    if (this.#chunks[0]!.length < lengthBytes) this.#join()
    return this.#chunks[0]!.readUInt32BE()
  }

  #join(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]!
  }

  #take(size: number): Buffer {
    const all = this.#join()
    const rest = all.subarray(size)
    this.#chunks = rest.length > 0 ? [rest] : []
    this.#length = rest.length
    return all.subarray(0, size)
  }
}
