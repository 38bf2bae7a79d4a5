import type { Clock, EventContract } from '@rivulet/core'
import type { RunStore } from '../backplane/run-store.js'
import { endOf, type Production } from './production.js'

// Renews the leases of the runs whose producers are in this process, and ends runs of all nodes whose leases are over.

/** Maximum number of leases, and of lapsed runs, per call. */
const batch = 256

export interface LeasesOptions<Contract extends EventContract> {
  readonly store: RunStore
  readonly clock: Clock
  readonly leaseMs: number
  /** The runs whose producers are in this process. */
  readonly productions: ReadonlyMap<string, Production<Contract>>
  readonly report: (error: unknown) => void
}

/** Renews the leases of this process, and ends the runs of all nodes whose leases are over. */
export class Leases<Contract extends EventContract> {
  readonly #options: LeasesOptions<Contract>
  #timer: unknown
  #working: Promise<void> | undefined
  #begun = false
  #failing = false
  #stopped = false

  constructor(options: LeasesOptions<Contract>) {
    this.#options = options
  }

  /** Looks after leases from now on. */
  begin(): void {
    if (this.#begun || this.#stopped) return
    this.#begun = true
    this.#wakeIn(this.#pauseMs)
  }

  /** So often a lease is renewed that two renewals may fail. */
  get #pauseMs(): number {
    return this.#options.leaseMs / 3
  }

  #wakeIn(ms: number): void {
    const { clock } = this.#options
    clock.clearTimeout(this.#timer)
    if (!this.#stopped) this.#timer = clock.setTimeout(() => this.look(), ms)
  }

  /** Renews and looks for lapsed runs now: something may have been missed. */
  look(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
    })
    // A store that never answers must not keep it from trying again.
    this.#wakeIn(this.#pauseMs)
  }

  async #work(): Promise<void> {
    try {
      await this.#renew()
      const nextMs = await this.#endLapsed()
      this.#failing = false
      this.#wakeIn(Math.min(this.#pauseMs, nextMs + 1))
    } catch (error) {
      if (!this.#failing) this.#options.report(error)
      this.#failing = true
      this.#wakeIn(this.#options.leaseMs / 10)
    }
  }

  async #renew(): Promise<void> {
    const { store, clock, leaseMs, productions } = this.#options
    const all = [...productions.values()]
    for (let from = 0; from < all.length; from += batch) {
      const some = all.slice(from, from + batch)
      const until = clock.now() + leaseMs
      const held = await store.renew(
        some.map(({ id, token }) => ({ id, token })),
        leaseMs,
      )
      for (const [index, production] of some.entries()) {
        if (held[index]) production.renewed(until)
        else void production.refused()
      }
    }
  }

  /** @returns In how many milliseconds the next lease is over. */
  async #endLapsed(): Promise<number> {
    for (;;) {
      const { ids, nextMs } = await this.#options.store.lapsed(batch)
      for (const id of ids) await this.end(id)
      if (ids.length < batch) return nextMs ?? Infinity
    }
  }

  /** Ends a run whose lease is over. */
  async end(id: string): Promise<void> {
    await this.#options.store.finish(id, 'lapsed', endOf({ state: 'failed', reason: 'producer lost' }))
  }

  stop(): void {
    this.#stopped = true
    this.#options.clock.clearTimeout(this.#timer)
  }
}
