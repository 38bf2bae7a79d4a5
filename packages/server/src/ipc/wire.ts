import { deserialize, serialize } from 'node:v8'
import type { LiveMessage } from '../backplane/backplane.js'

/** The first line of both ends. A change of the frames below changes its number. */
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

/** An event, a gap or the backplane's health, as the host's subscriptions bring them. */
export type DeliveryFrame =
  | readonly [kind: 'message', channel: string, message: LiveMessage]
  | readonly [kind: 'gap', channel: string | undefined]
  | readonly [kind: 'health', error: WireError | undefined]

/** Everything that the host sends: answers to calls, and deliveries. */
export type HostFrame =
  | readonly [kind: 'result', id: number, value: unknown]
  | readonly [kind: 'failure', id: number, error: WireError]
  | DeliveryFrame

/** Takes the place of an error that has crossed: it has the same name, code and message. */
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

/** Encodes frames as one batch: its length, then the frames as Node.js clones them between threads. */
export function encodeFrames(frames: readonly unknown[]): Buffer {
  const body = serialize(frames)
  const batch = Buffer.allocUnsafe(lengthBytes + body.length)
  batch.writeUInt32BE(body.length)
  batch.set(body, lengthBytes)
  return batch
}

/** Cuts what a socket brings into the greeting and batches of frames. */
export class FrameReader {
  /** The greeting; `undefined` until all of it has come. */
  greeting: string | undefined
  #chunks: Buffer[] = []
  #length = 0

  /** @throws whatever malformed bytes make the deserializer throw. */
  push(chunk: Buffer): unknown[] {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.greeting === undefined && !this.#readGreeting()) return []
    if (this.greeting !== greeting) return []
    const frames: unknown[] = []
    while (this.#length >= lengthBytes) {
      const size = lengthBytes + this.#peekLength()
      if (this.#length < size) break
      frames.push(...(deserialize(this.#take(size).subarray(lengthBytes)) as unknown[]))
    }
    return frames
  }

  /** @returns True if it is there. */
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
