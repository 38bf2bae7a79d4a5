import { createConnection } from 'node:net'
import { IpcUnavailableError } from './errors.js'
import { FrameSocket } from './frame-socket.js'
import { type CallFrame, type DeliveryFrame, fromWire, type HostFrame } from './wire.js'

export interface HostConnectionOptions {
  readonly path: string
  /** Time for each call, in milliseconds. */
  readonly timeoutMs: number
  /** Greets the host on a new connection, with `request`. Until it resolves, calls wait. */
  attach(): Promise<void>
  /** Called when calls are sent again. Rejects if the connection is useless. */
  attached(): Promise<void>
  /** The connection is lost, or could not be made. */
  lost(error: Error): void
  /** Takes everything but the answers to calls. */
  receive(frame: DeliveryFrame): void
}

interface PendingCall {
  readonly method: string
  readonly args: readonly unknown[]
  /** Sent once more if the connection is lost before the answer has come. */
  readonly repeatable: boolean
  sent: boolean
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** Bytes that may wait for a serving process that does not read. Beyond them, calls are refused. */
const maxBacklogBytes = 16_777_216

/** Longest time between two attempts to connect, in milliseconds. */
const longestDelayMs = 1_000

/** A worker's connection to the serving process. It reconnects by itself. */
export class HostConnection {
  readonly #options: HostConnectionOptions
  readonly #calls = new Map<number, PendingCall>()
  #lastCall = 0
  #socket: FrameSocket | undefined
  /** True if calls may be sent now. */
  #attached = false
  #failures = 0
  /** The reason of the present break. */
  #lastError: Error | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: HostConnectionOptions) {
    this.#options = options
  }

  connect(): void {
    const raw = createConnection(this.#options.path)
    const socket = new FrameSocket(raw, {
      // Calls are refused before they are sent.
      maxBacklogBytes: Infinity,
      onRefused: (frame, error) => this.#calls.get((frame as CallFrame)[1])?.reject(error),
      onFrame: (frame) => this.#receive(frame as HostFrame),
      onEnd: (error) => this.#lost(error ?? new Error('The serving process closed the connection.')),
    })
    this.#socket = socket
    raw.once('connect', () => {
      this.#start().catch((error: Error) => {
        // The last frame of a closed worker is still on its way.
        if (!this.#closed) socket.destroy(error)
      })
    })
  }

  async #start(): Promise<void> {
    await this.#options.attach()
    this.#attached = true
    for (const [id, call] of this.#calls) if (!call.sent) this.#send(id, call)
    await this.#options.attached()
    this.#failures = 0
    this.#lastError = undefined
  }

  get lastError(): Error | undefined {
    return this.#lastError
  }

  /** Carries out a call. During a break it waits. */
  call(method: string, args: readonly unknown[], repeatable: boolean): Promise<unknown> {
    if (this.#attached && this.#socket!.backlogBytes > maxBacklogBytes) {
      const reason = `it left more than ${maxBacklogBytes} bytes unread, and this call was not sent.`
      return Promise.reject(new IpcUnavailableError(method, reason))
    }
    return this.#add(method, args, repeatable, this.#attached)
  }

  /** Carries out a call on the present connection, or not at all. */
  request(method: string, args: readonly unknown[]): Promise<unknown> {
    return this.#add(method, args, false, true)
  }

  #add(method: string, args: readonly unknown[], repeatable: boolean, now: boolean): Promise<unknown> {
    if (this.#closed) return Promise.reject(new IpcUnavailableError(method, 'the backplane is closed.'))
    const id = ++this.#lastCall
    return new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#calls.delete(id)
        const reason = `it did not answer within ${this.#options.timeoutMs} ms.`
        reject(new IpcUnavailableError(method, reason, this.#lastError && { cause: this.#lastError }))
      }, this.#options.timeoutMs)
      const settle =
        <T>(then: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer)
          this.#calls.delete(id)
          then(value)
        }
      const call = { method, args, repeatable, sent: false, resolve: settle(resolve), reject: settle(reject) }
      this.#calls.set(id, call)
      if (now) this.#send(id, call)
    })
  }

  #send(id: number, call: PendingCall): void {
    call.sent = true
    this.#socket?.send(['call', id, call.method, call.args])
  }

  #receive(frame: HostFrame): void {
    const [kind, id, value] = frame
    if (kind === 'result') this.#calls.get(id)?.resolve(value)
    else if (kind === 'failure') this.#calls.get(id)?.reject(fromWire(value))
    else this.#options.receive(frame)
  }

  #lost(error: Error): void {
    this.#socket = undefined
    this.#attached = false
    this.#lastError = error
    for (const call of [...this.#calls.values()]) {
      if (!call.sent) continue
      if (call.repeatable) call.sent = false
      else
        call.reject(new IpcUnavailableError(call.method, 'the connection broke before it answered.', { cause: error }))
    }
    if (this.#closed) return
    this.#options.lost(error)
    const delayMs = this.#failures === 0 ? 0 : Math.min(longestDelayMs, 25 * 2 ** this.#failures)
    this.#failures++
    this.#timer = setTimeout(() => this.connect(), delayMs)
  }

  /** Ends the connection, and makes a new one. */
  restart(error: Error): void {
    this.#socket?.destroy(error)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    // The host forgets this worker at once.
    if (this.#attached) this.#socket?.end(['call', ++this.#lastCall, 'leave', []])
    else this.#socket?.destroy()
    for (const call of [...this.#calls.values()]) {
      call.reject(new IpcUnavailableError(call.method, 'the backplane is closed.'))
    }
  }
}
