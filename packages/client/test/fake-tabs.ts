import { AsyncLocalStorage } from 'node:async_hooks'
import { vi } from 'vitest'

/** The Web Locks and broadcast channels of one origin, in one process, with tabs that can crash and freeze. */
export class FakeOrigin {
  readonly #channels = new Set<FakeChannel>()
  #queue: LockRequest[] = []
  readonly #holders = new Map<string, LockRequest>()
  /** The tab whose code runs. */
  readonly #tab = new AsyncLocalStorage<FakeTab>()

  constructor() {
    const origin = this
    vi.stubGlobal('navigator', {
      locks: { request: (...call: Parameters<LockManager['request']>) => this.#request(...call) },
    })
    vi.stubGlobal(
      'BroadcastChannel',
      class extends FakeChannel {
        constructor(name: string) {
          super(name, origin.#channels, origin.#tab.getStore())
        }
      },
    )
  }

  /** A tab; what a callback given to it creates belongs to it. */
  tab(): FakeTab {
    const tab: FakeTab = {
      state: 'running',
      run: (callback) => this.#tab.run(tab, callback),
      crash: () => {
        tab.state = 'crashed'
        for (const channel of this.#channels) if (channel.tab === tab) channel.close()
        this.#queue = this.#queue.filter((request) => request.tab !== tab)
        for (const holder of this.#holders.values()) if (holder.tab === tab) this.#free(holder)
      },
      freeze: () => {
        tab.state = 'frozen'
      },
      lose: () => {
        for (const channel of this.#channels) if (channel.tab === tab) channel.inbox.length = 0
      },
      thaw: () => {
        tab.state = 'running'
        for (const channel of this.#channels) if (channel.tab === tab) channel.flush()
        for (const deliver of tab.late.splice(0)) deliver()
      },
      late: [],
    }
    return tab
  }

  #request(name: string, ...rest: unknown[]): Promise<unknown> {
    const callback = rest.at(-1) as () => Promise<unknown>
    const { signal, steal } = (rest.length > 1 ? rest[0] : {}) as LockOptions
    return new Promise((resolve, reject) => {
      const request: LockRequest = { name, callback, resolve, reject, tab: this.#tab.getStore() }
      signal?.addEventListener('abort', () => {
        const index = this.#queue.indexOf(request)
        if (index < 0) return
        this.#queue.splice(index, 1)
        reject(signal.reason)
      })
      const robbed = this.#holders.get(name)
      if (steal && robbed) {
        this.#holders.delete(name)
        const tell = () => robbed.reject(new DOMException('stolen', 'AbortError'))
        if (robbed.tab?.state === 'frozen') robbed.tab.late.push(tell)
        else tell()
        this.#queue.unshift(request)
      } else this.#queue.push(request)
      queueMicrotask(() => this.#grant(name))
    })
  }

  #grant(name: string): void {
    const next = this.#queue.find((request) => request.name === name)
    if (!next || this.#holders.has(name)) return
    this.#queue.splice(this.#queue.indexOf(next), 1)
    this.#holders.set(name, next)
    const run = next.tab ? next.tab.run : <T>(callback: () => T) => callback()
    run(() => next.callback()).then(
      (value) => {
        next.resolve(value)
        this.#free(next)
      },
      (error) => {
        next.reject(error)
        this.#free(next)
      },
    )
  }

  #free(request: LockRequest): void {
    if (this.#holders.get(request.name) !== request) return
    this.#holders.delete(request.name)
    queueMicrotask(() => this.#grant(request.name))
  }
}

export interface FakeTab {
  state: 'running' | 'frozen' | 'crashed'
  run<T>(callback: () => T): T
  /** Its locks are free and nothing reaches it any more. */
  crash(): void
  /** What reaches it waits until it thaws. */
  freeze(): void
  thaw(): void
  /** What waits to reach it never does. */
  lose(): void
  readonly late: (() => void)[]
}

interface LockRequest {
  name: string
  callback: () => Promise<unknown>
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
  tab: FakeTab | undefined
}

class FakeChannel {
  onmessage: ((event: { data: unknown }) => void) | undefined
  readonly inbox: unknown[] = []

  constructor(
    readonly name: string,
    readonly all: Set<FakeChannel>,
    readonly tab: FakeTab | undefined,
  ) {
    all.add(this)
  }

  postMessage(data: unknown): void {
    if (this.tab?.state === 'crashed') return
    if (!this.all.has(this)) throw new DOMException('closed', 'InvalidStateError')
    const copy = structuredClone(data)
    for (const channel of this.all) {
      if (channel === this || channel.name !== this.name) continue
      channel.inbox.push(copy)
      setImmediate(() => channel.flush())
    }
  }

  flush(): void {
    if (this.tab?.state === 'frozen') return
    for (const data of this.inbox.splice(0)) if (this.all.has(this)) this.onmessage?.({ data })
  }

  close(): void {
    this.all.delete(this)
  }
}
