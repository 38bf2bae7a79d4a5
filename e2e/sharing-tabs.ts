import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '@rivulet/core'
import { FakeOrigin, type FakeTab } from '../packages/client/test/fake-tabs.js'
import { TickingClient } from './ticking-server.js'

/** A page that shares its connection with the other pages of its origin, over real sockets. */
class SharingTab extends TickingClient {
  readonly tab: FakeTab
  readonly #network: AbortController

  constructor(url: string, tab: FakeTab, first: number | 'any') {
    const network = new AbortController()
    const signalOf = (own: AbortSignal | null | undefined) =>
      AbortSignal.any(own ? [network.signal, own] : [network.signal])
    super(
      url,
      {
        shared: { key: 'ada' },
        // Its timers end with the page: a crashed page that went on would depose the living leaders.
        clock: tab.clock(systemClock),
        fetch: (input, init) => fetch(input, { ...init, signal: signalOf(init?.signal) }),
      },
      first,
    )
    this.tab = tab
    this.#network = network
  }

  /** Ends the page like a browser: it says nothing more, its locks are free, and its sockets close. */
  crash(): void {
    this.tab.crash()
    this.#network.abort()
  }
}

interface PageState {
  received: number
  opened: number
  status: string
  leads: boolean
  gaps: unknown[]
}

/** Four tabs of one origin that share one connection. Now and then one is closed or crashes, and another one opens. */
export class SharingTabs {
  readonly mistakes: unknown[] = []
  readonly gaps: unknown[] = []
  /** Number of pages so far. */
  pages = 0
  /** Number of events that the closed pages received. */
  count = 0
  readonly #origin = new FakeOrigin()
  readonly #url: string
  readonly #random: () => number
  readonly #living: SharingTab[] = []
  #settled = false

  constructor(url: string, random: () => number) {
    this.#url = url
    this.#random = random
    for (let n = 0; n < 4; n++) this.#open(1)
    void this.#live()
  }

  /** The last event that all tabs have. */
  get received(): number {
    return Math.min(...this.#living.map(({ received }) => received))
  }

  /** Number of connections of all pages so far. */
  opened = 0

  /** State of each page, for a failed test. */
  get states(): PageState[] {
    return this.#living.map(({ stream, received, opened, gaps, tab }) => ({
      received,
      opened,
      status: stream.status,
      leads: tab === this.#origin.leader,
      gaps,
    }))
  }

  /** Keeps the current pages open from here on. */
  settle(): void {
    this.#settled = true
  }

  close(): void {
    this.settle()
    while (this.#living.length > 0) this.#end(this.#living[0]!, false)
  }

  async #live(): Promise<void> {
    for (;;) {
      await sleep(1_000 + this.#random() * 3_000)
      if (this.#settled) return
      this.#end(this.#living[Math.floor(this.#random() * this.#living.length)]!, this.#random() < 0.5)
      this.#open('any')
    }
  }

  #open(first: number | 'any'): void {
    const tab = this.#origin.tab()
    this.#living.push(tab.run(() => new SharingTab(this.#url, tab, first)))
    this.pages++
  }

  #end(page: SharingTab, crashes: boolean): void {
    this.#living.splice(this.#living.indexOf(page), 1)
    if (crashes) page.crash()
    else page.tab.run(() => page.close())
    this.mistakes.push(...page.mistakes)
    this.gaps.push(...page.gaps)
    this.opened += page.opened
    this.count += page.count
  }
}
