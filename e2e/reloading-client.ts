import { setTimeout as sleep } from 'node:timers/promises'
import { EventStreamService } from '@rivulet/client'
import type { GapEvent } from '@rivulet/core'
import { events } from './ticking-server.js'

/**
 * A client like a page that reads with a loop, sometimes slowly, leaves the loop and starts another one, and is reloaded now
 * and then. Only its storage outlives a page. It checks its events like a `TickingClient`.
 */
export class ReloadingClient {
  readonly gaps: GapEvent[] = []
  readonly mistakes: { expected: number; received: number; gaps: number }[] = []
  received = 0
  opened = 0
  loops = 0
  pages = 0
  stream!: EventStreamService<typeof events>
  readonly #url: string
  readonly #random: () => number
  readonly #entries = new Map<string, string>()
  #closed = false

  /** @param random Decides the duration of pages and loops. */
  constructor(url: string, random: () => number) {
    this.#url = url
    this.#random = random
    void this.#live()
  }

  close(): void {
    this.#closed = true
    this.stream.close()
  }

  async #live(): Promise<void> {
    while (!this.#closed) {
      const last = this.received + 50 + this.#random() * 300
      this.#load()
      while (!this.#closed && this.received < last) await this.#loop()
      this.stream.close()
    }
  }

  #load(): void {
    this.pages++
    // A new object for each page, as in a browser.
    const storage = {
      getItem: (key: string) => this.#entries.get(key) ?? null,
      setItem: (key: string, value: string) => void this.#entries.set(key, value),
    }
    this.stream = new EventStreamService({
      url: this.#url,
      events,
      persist: { storage },
      heartbeatMarginMs: 500,
      connectTimeoutMs: 2_000,
      retry: { maxMs: 1_000 },
    })
    this.stream.onGap((gap) => this.gaps.push(gap))
    this.stream.onStatusChange(({ status }, previous) => {
      if (status === 'open' && previous.status !== 'open') this.opened++
    })
    this.stream.onError(() => {})
    // Without connect(), the connection lasts as long as a loop.
    if (this.#random() < 0.7) this.stream.connect()
  }

  async #loop(): Promise<void> {
    this.loops++
    for await (const { n } of this.stream.events('tick', { bufferSize: 16 })) {
      const expected = this.received + 1
      if (n !== expected) this.mistakes.push({ expected, received: n, gaps: this.gaps.length })
      this.received = n
      if (this.#random() < 0.01) await sleep(this.#random() * 200)
      if (this.#random() < 0.02) return
    }
  }
}
