import { createServer, type Socket } from 'node:net'
import type { Backplane } from '../backplane/backplane.js'
import { ConfigurationError } from '../runtime/errors.js'
import { tell } from '../runtime/guard.js'
import { checkPath, listen } from './address.js'
import { FrameSocket } from './frame-socket.js'
import { HostLink } from './host-link.js'
import { type CallFrame, type HostFrame, parts, toWire } from './wire.js'

export interface ServeBackplaneOptions {
  /**
   * The path of a Unix socket, of at most 94 bytes, or the name of a Windows pipe (`\\\\.\\pipe\\…`). Put it into a folder
   * that only your application can enter: whoever can connect may publish and read everything. Only the user who runs this
   * process may connect to the socket. A socket that a dead process left behind is replaced.
   */
  path: string
  /**
   * Bytes that may wait for a worker that does not read. Above that, it is disconnected, and reads the missed events from the
   * logs when it is back. @default 16_777_216 (16 MiB)
   */
  maxBacklogBytes?: number
  /**
   * Time for which the server remembers what a disconnected worker misses, in milliseconds. After that, the worker's streams
   * are told of a gap when it is back. @default 30_000
   */
  rememberMs?: number
  /** Receives the errors of a worker's connection: `IpcProtocolError` and errors of the socket. */
  onError?(error: unknown): void
}

/** A backplane that is served to other processes. */
export interface BackplaneServer {
  /** The connected workers. */
  readonly workers: number
  /** Stops serving. The backplane stays open. The workers look for the next process that serves at this path. */
  close(): Promise<void>
}

/**
 * Serves a backplane to other processes of this machine, over a Unix socket or a named pipe. They use it with
 * `connectBackplane`. This process may use the backplane directly.
 *
 * @throws {IpcAddressError} (by rejecting) if the path is in use, or cannot be listened on.
 * @throws {ConfigurationError} (by rejecting) if an option has an invalid value.
 */
export async function serveBackplane(backplane: Backplane, options: ServeBackplaneOptions): Promise<BackplaneServer> {
  const { path, maxBacklogBytes = 16_777_216, rememberMs = 30_000 } = options
  checkPath(path)
  for (const [name, value] of Object.entries({ maxBacklogBytes, rememberMs })) {
    if (!(value >= 0)) throw new ConfigurationError(name, value, 'Pass a number, 0 or more.')
  }
  const host = new Host(backplane, { maxBacklogBytes, rememberMs, onError: (error) => options.onError?.(error) })
  const server = createServer((socket) => host.accept(socket))
  const release = await listen(server, path)
  server.on('error', (error) => host.report(error))
  return {
    get workers() {
      return host.workers
    },
    close: () => {
      // Before the server closes: while it is open, no other file can get its inode.
      release()
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      host.close()
      return closed
    },
  }
}

/** The answer to `attach`: facts about this process that the worker needs. */
export interface Attached {
  /** Identifies the subscriptions. If they are new, live-only events of any channel may be missing. */
  readonly link: string
  /** Every event up to this position is stored. */
  readonly storedPosition: number
  readonly registry: { readonly count: boolean } | undefined
  readonly runs: boolean
}

interface HostOptions {
  readonly maxBacklogBytes: number
  readonly rememberMs: number
  readonly onError: (error: unknown) => void
}

/** Longer timers of Node.js fire at once. */
const longestTimerMs = 2 ** 31 - 1

/** Methods that are passed to the backplane as they are. */
const passed = new Set(['publish', 'read', 'seek', 'forget'])

class Host {
  readonly #backplane: Backplane
  readonly #options: HostOptions
  readonly #sockets = new Set<FrameSocket>()
  /** Links by the id that each worker has given itself. */
  readonly #links = new Map<string, HostLink>()
  /** Timers of the links whose workers are away. */
  readonly #timers = new Map<HostLink, NodeJS.Timeout>()
  #closed = false

  constructor(backplane: Backplane, options: HostOptions) {
    this.#backplane = backplane
    this.#options = options
  }

  get workers(): number {
    return [...this.#links.values()].filter(({ attached }) => attached).length
  }

  accept(raw: Socket): void {
    let worker: string | undefined
    const socket: FrameSocket = new FrameSocket(raw, {
      maxBacklogBytes: this.#options.maxBacklogBytes,
      onRefused: (frame, error) => this.#replace(socket, frame as HostFrame, error),
      onFrame: (frame) => {
        const [, id, method, args] = frame as CallFrame
        const answer = async () => {
          if (method === 'attach') {
            worker = String(args[0])
            return this.#attach(worker, socket, args[1] as readonly string[])
          }
          const link = worker === undefined ? undefined : this.#links.get(worker)
          if (method === 'leave') return link && this.#forget(worker!, link)
          return this.#call(link, method, args)
        }
        answer().then(
          (value) => socket.send(['result', id, value]),
          (error: unknown) => socket.send(['failure', id, toWire(error)]),
        )
      },
      onEnd: (error) => {
        this.#sockets.delete(socket)
        // Without a greeting, it was another process that only checked whether this one lives.
        if (error && socket.greeted) this.report(error)
        if (worker !== undefined) this.#detach(worker, socket)
      },
    })
    this.#sockets.add(socket)
  }

  /** Takes the place of a frame that cannot be sent. */
  #replace(socket: FrameSocket, [kind, subject]: HostFrame, error: unknown): void {
    if (kind === 'result') socket.send(['failure', subject, toWire(error)])
    else if (kind === 'message') socket.send(['gap', subject])
    this.report(error)
  }

  report(error: unknown): void {
    tell(
      () => this.#options.onError(error),
      () => {},
    )
  }

  async #attach(worker: string, socket: FrameSocket, channels: readonly string[]): Promise<Attached> {
    const { registry, runs } = this.#backplane
    let link = this.#links.get(worker)
    if (!link) {
      link = new HostLink(this.#backplane)
      this.#links.set(worker, link)
    }
    this.#keep(link)
    await link.attach(socket, channels)
    const storedPosition = await link.storedPosition()
    return {
      link: link.id,
      storedPosition,
      registry: registry && { count: registry.count !== undefined },
      runs: runs !== undefined,
    }
  }

  #detach(worker: string, socket: FrameSocket): void {
    const link = this.#links.get(worker)
    if (!link?.detach(socket)) return
    const rememberMs = Math.min(this.#options.rememberMs, longestTimerMs)
    this.#timers.set(link, setTimeout(() => this.#forget(worker, link), rememberMs).unref())
  }

  #keep(link: HostLink): void {
    clearTimeout(this.#timers.get(link))
    this.#timers.delete(link)
  }

  #forget(worker: string, link: HostLink): void {
    this.#keep(link)
    if (this.#links.get(worker) === link) this.#links.delete(worker)
    link.dispose()
  }

  async #call(link: HostLink | undefined, method: string, args: readonly unknown[]): Promise<unknown> {
    const backplane = this.#backplane as unknown as Record<string, (...args: readonly unknown[]) => unknown>
    if (passed.has(method)) return backplane[method]!(...args)
    const [part, name] = method.split('.') as [keyof typeof parts, string]
    if (Object.hasOwn(parts, part) && (parts[part] as readonly string[]).includes(name)) {
      const target = this.#backplane[part] as unknown as typeof backplane
      return target[name]!(...args)
    }
    if (!link) throw new Error('The worker has not attached itself.')
    if (method === 'subscribe') return link.subscribe(args[0] as string)
    if (method === 'unsubscribe') return link.unsubscribe(args[0] as string)
    if (method === 'goLive') return link.goLive(args[0] as number)
    if (method === 'readAll') return link.readAll(args[0] as Parameters<HostLink['readAll']>[0])
    throw new Error(`There is no method "${method}".`)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    for (const link of this.#links.values()) link.dispose()
    this.#links.clear()
    for (const socket of this.#sockets) socket.destroy()
  }
}
