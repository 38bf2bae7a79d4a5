import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import type { Backplane, BackplaneMessage, BackplaneSubscriber, LiveMessage } from '../src/backplane/backplane.js'
import { connectBackplane } from '../src/ipc/connect-backplane.js'
import { type BackplaneServer, type ServeBackplaneOptions, serveBackplane } from '../src/ipc/serve-backplane.js'

export const kept = { retain: true } as const
export const liveOnly = { retain: false } as const
export const event = (data: string): BackplaneMessage => ({ type: 'log', data })

/** A folder with one socket for each test, whose servers and workers are closed after it. */
export class IpcScene {
  folder = ''
  /** The path where `serve` and `connect` meet. */
  path = ''
  readonly #open: { close(): unknown }[] = []

  constructor() {
    beforeEach(async () => {
      this.folder = await mkdtemp(join(tmpdir(), 'rivulet-'))
      this.path = join(this.folder, 'backplane')
    })
    afterEach(async () => {
      for (const one of this.#open.splice(0).reverse()) await one.close()
      await rm(this.folder, { recursive: true })
    })
  }

  opened<T extends { close(): unknown }>(one: T): T {
    this.#open.push(one)
    return one
  }

  async serve(backplane: Backplane, options?: Partial<ServeBackplaneOptions>): Promise<BackplaneServer> {
    return this.opened(await serveBackplane(backplane, { path: this.path, ...options }))
  }

  async connect(options?: { path?: string; timeoutMs?: number }): Promise<Backplane> {
    return this.opened(await connectBackplane({ path: this.path, ...options }))
  }
}

/** Keeps everything that a subscriber is told. A gap has no data. */
export class Recorder implements BackplaneSubscriber {
  readonly items: {
    readonly channel: string | undefined
    readonly data: string | undefined
    readonly position?: number
  }[] = []
  readonly health: unknown[] = []
  onMessage = (channel: string, { data, position }: LiveMessage): void =>
    void this.items.push({ channel, data, ...(position && { position }) })
  onGap = (channel: string | undefined): void => void this.items.push({ channel, data: undefined })
  onHealth = (error: unknown): void => void this.health.push(error)
  get data(): (string | undefined)[] {
    return this.items.map(({ data }) => data)
  }
}

/** Waits until a subscriber has these events; `undefined` stands for a gap. */
export const received = (recorder: Recorder, ...data: readonly (string | undefined)[]): Promise<void> =>
  vi.waitFor(() => expect(recorder.data).toEqual(data), { timeout: 10_000, interval: 5 })

/** The methods of a backplane, so that one can be replaced. */
export function bound(backplane: Backplane): Backplane {
  return Object.fromEntries(
    (['publish', 'subscribe', 'unsubscribe', 'read', 'seek', 'forget', 'close'] as const).map((name) => [
      name,
      (backplane[name] as (...args: never[]) => unknown).bind(backplane),
    ]),
  ) as unknown as Backplane
}
