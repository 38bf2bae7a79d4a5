import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from '@rivulet/core'
import { vi } from 'vitest'

/** Delivers a message to a channel of another tab. */
export type Post = (deliver: () => void) => void

/** Web Locks and broadcast channels of one origin, in one process, with tabs that can crash and freeze. */
export class FakeOrigin {
  readonly #channels = new Set<FakeChannel>()
  #queue: LockRequest[] = []
  readonly #holders = new Map<string, LockRequest>()
  /** Tab whose code is running. */
  readonly #current = new AsyncLocalStorage<FakeTab>()

  constructor(post: Post = (deliver) => void setImmediate(deliver)) {
    const current = this.#current
    const channels = this.#channels
    vi.stubGlobal('navigator', {
      locks: {
        request: (...call: Parameters<LockManager['request']>) => this.#request(...call),
        query: async () => ({
          held: [...this.#holders.values()].map(({ name, tab }) => ({ name, clientId: tab?.id })),
        }),
      },
    })
    vi.stubGlobal(
      'BroadcastChannel',
      class extends FakeChannel {
        constructor(name: string) {
          super(name, channels, current.getStore(), post)
        }
      },
    )
    // Page events reach only the tab that listens to them.
    const listen = (...call: Parameters<EventTarget['addEventListener']>) =>
      current.getStore()?.page.addEventListener(...call)
    vi.stubGlobal('addEventListener', listen)
    vi.stubGlobal('removeEventListener', (...call: Parameters<EventTarget['removeEventListener']>) =>
      current.getStore()?.page.removeEventListener(...call),
    )
  }

  /** Makes a tab. It owns everything that is created inside its `run`. */
  tab(): FakeTab {
    return new FakeTab(this.#current, () => this.#onCrash())
  }

  /** Tab that holds a lock, not counting short-lived probes. */
  get leader(): FakeTab | undefined {
    return [...this.#holders.values()].find(({ name }) => !name.match(/:[\da-f-]{36}$/))?.tab
  }

  #onCrash(): void {
    for (const channel of this.#channels) if (channel.tab?.state === 'crashed') channel.close()
    this.#queue = this.#queue.filter(({ tab }) => tab?.state !== 'crashed')
    for (const holder of this.#holders.values()) if (holder.tab?.state === 'crashed') this.#free(holder)
  }

  #request(name: string, ...rest: unknown[]): Promise<unknown> {
    const callback = rest.at(-1) as () => Promise<unknown>
    const { signal, steal } = (rest.length > 1 ? rest[0] : {}) as LockOptions
    const tab = this.#current.getStore()
    return new Promise((resolve, reject) => {
      if (tab?.state === 'crashed') return
      const request: LockRequest = { name, callback, resolve, reject, tab }
      signal?.addEventListener('abort', () => {
        const index = this.#queue.indexOf(request)
        if (index < 0) return
        this.#queue.splice(index, 1)
        reject(signal.reason)
      })
      const robbed = this.#holders.get(name)
      if (steal && robbed) {
        this.#holders.delete(name)
        enter(robbed.tab, 'lock', () => robbed.reject(new DOMException('stolen', 'AbortError')))
      }
      if (steal) this.#queue.unshift(request)
      else this.#queue.push(request)
      queueMicrotask(() => this.#grant(name))
    })
  }

  #grant(name: string): void {
    const next = this.#queue.find((request) => request.name === name)
    if (!next || this.#holders.has(name)) return
    this.#queue.splice(this.#queue.indexOf(next), 1)
    this.#holders.set(name, next)
    enter(next.tab, 'lock', () => {
      next.callback().then(
        (value) => {
          next.resolve(value)
          this.#free(next)
        },
        (error) => {
          next.reject(error)
          this.#free(next)
        },
      )
    })
  }

  #free(request: LockRequest): void {
    if (this.#holders.get(request.name) !== request) return
    this.#holders.delete(request.name)
    queueMicrotask(() => this.#grant(request.name))
  }
}

/** Source of a callback. Only callbacks from the same source arrive in order. */
type Source = 'channel' | 'lock' | 'network' | 'timer'

export class FakeTab {
  readonly id: string = crypto.randomUUID()
  /** Target of `window` events. */
  readonly page: EventTarget = new EventTarget()
  state: 'running' | 'frozen' | 'crashed' = 'running'
  readonly #current: AsyncLocalStorage<FakeTab>
  readonly #onCrash: () => void
  /** Callbacks that arrived while the tab was frozen. */
  #late: { source: Source; callback: () => void }[] = []

  constructor(current: AsyncLocalStorage<FakeTab>, onCrash: () => void) {
    this.#current = current
    this.#onCrash = onCrash
  }

  run<T>(callback: () => T): T {
    return this.#current.run(this, callback)
  }

  /** Runs a callback in the tab: now, or when it thaws. */
  enter(source: Source, callback: () => void): void {
    if (this.state === 'running') this.run(callback)
    else if (this.state === 'frozen') this.#late.push({ source, callback })
  }

  /** Releases its locks. Nothing reaches it any more. */
  crash(): void {
    this.state = 'crashed'
    this.#onCrash()
  }

  /** Delays all callbacks until `thaw`. */
  freeze(): void {
    this.state = 'frozen'
  }

  /** Runs the delayed callbacks, one per turn, from sources that `chance` selects. */
  async thaw(chance: () => number = () => 0): Promise<void> {
    while (this.state === 'frozen' && this.#late.length > 0) {
      const sources = [...new Set(this.#late.map(({ source }) => source))]
      const source = sources[Math.floor(chance() * sources.length)]
      const index = this.#late.findIndex((late) => late.source === source)
      for (const { callback } of this.#late.splice(index, 1)) this.run(callback)
      await new Promise((resolve) => setImmediate(resolve))
    }
    if (this.state === 'frozen') this.state = 'running'
  }

  /** Loses all messages from other tabs that arrived while it was frozen. */
  lose(): void {
    this.#late = this.#late.filter(({ source }) => source !== 'channel')
  }

  /** Clock of this tab. Its timers wait while the tab is frozen. */
  clock(clock: Clock): Clock {
    return {
      now: () => clock.now(),
      setTimeout: (callback, ms) => {
        const timer = { cleared: false, id: undefined as unknown }
        timer.id = clock.setTimeout(() => {
          this.enter('timer', () => {
            if (!timer.cleared) callback()
          })
        }, ms)
        return timer
      },
      clearTimeout: (timer) => {
        const { id } = Object.assign((timer ?? {}) as { id: unknown }, { cleared: true })
        clock.clearTimeout(id)
      },
      random: () => clock.random(),
      defer: (callback) => clock.defer(() => this.enter('timer', callback)),
    }
  }
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

  constructor(
    readonly name: string,
    readonly all: Set<FakeChannel>,
    readonly tab: FakeTab | undefined,
    readonly post: Post,
  ) {
    all.add(this)
  }

  postMessage(data: unknown): void {
    if (this.tab?.state === 'crashed') return
    if (!this.all.has(this)) throw new DOMException('closed', 'InvalidStateError')
    const copy = structuredClone(data)
    for (const channel of this.all) {
      if (channel === this || channel.name !== this.name) continue
      this.post(() =>
        enter(channel.tab, 'channel', () => {
          if (this.all.has(channel)) channel.onmessage?.({ data: copy })
        }),
      )
    }
  }

  close(): void {
    this.all.delete(this)
  }
}

function enter(tab: FakeTab | undefined, source: Source, callback: () => void): void {
  if (tab) tab.enter(source, callback)
  else callback()
}
