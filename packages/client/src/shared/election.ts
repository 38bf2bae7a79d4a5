// Elects the tab that holds the shared connection, by a lock. If that tab is closed, the browser gives the lock to another
// one.

/** Callbacks from an election to its tab. They MUST NOT throw. */
export interface ElectionOutcome {
  /** The tab has the lock. */
  won(): void
  /** Another tab took the lock because this one seemed frozen. */
  lost(): void
  /** The browser grants no locks here. */
  unavailable(): void
}

/** One tab's part in the election of a leader. Tabs queue for a lock, and can depose its holder. */
export class Election {
  readonly #name: string
  readonly #locks: LockManager
  readonly #outcome: ElectionOutcome
  /** Releases the lock, or stops waiting for it. */
  #withdraw: (() => void) | undefined

  constructor(name: string, locks: LockManager, outcome: ElectionOutcome) {
    this.#name = name
    this.#locks = locks
    this.#outcome = outcome
  }

  /** Queues for the lock, or takes it from its holder if `depose` is set. */
  contend(depose = false): void {
    this.withdraw()
    const waiting = new AbortController()
    let free: (() => void) | undefined
    const withdraw = () => {
      waiting.abort()
      free?.()
    }
    this.#withdraw = withdraw
    const hold = () =>
      new Promise<void>((resolve) => {
        free = resolve
        if (this.#withdraw === withdraw) this.#outcome.won()
        else resolve()
      })
    const request = async () => {
      await this.#locks.request(this.#name, depose ? { steal: true } : { signal: waiting.signal }, hold)
    }
    request().catch(() => {
      if (this.#withdraw !== withdraw) return
      this.#withdraw = undefined
      if (free) this.#outcome.lost()
      else this.#outcome.unavailable()
    })
  }

  withdraw(): void {
    const withdraw = this.#withdraw
    this.#withdraw = undefined
    withdraw?.()
  }

  /**
   * Asks the browser whether this tab has the lock. After a freeze, the news of its loss may arrive later than
   * everything else. A second lock shows which of the holders is this tab.
   */
  async holds(): Promise<boolean> {
    try {
      const probe = `${this.#name}:${crypto.randomUUID()}`
      return await this.#locks.request(probe, async () => {
        const { held = [] } = await this.#locks.query()
        const holderOf = (name: string) => held.find((lock) => lock.name === name)?.clientId
        return holderOf(this.#name) === holderOf(probe)
      })
    } catch {
      // Without an answer, the tab leads until it is told of the loss.
      return true
    }
  }
}
