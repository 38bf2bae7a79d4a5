/** What an election tells its tab. None of these may throw. */
export interface ElectionOutcome {
  /** The tab has the lock. */
  won(): void
  /** Another tab took the lock, as this one seemed to be frozen. */
  lost(): void
  /** The browser gives out no locks here. */
  unavailable(): void
}

/** One tab's part in the election of a leader: a queue for a lock, whose holder can be deposed. */
export class Election {
  readonly #name: string
  readonly #locks: LockManager
  readonly #outcome: ElectionOutcome
  /** Gives up the lock, or waiting for it. */
  #withdraw: (() => void) | undefined

  constructor(name: string, locks: LockManager, outcome: ElectionOutcome) {
    this.#name = name
    this.#locks = locks
    this.#outcome = outcome
  }

  /** Queues for the lock; with `depose`, takes it from the tab that has it. */
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
   * Asks the browser whether this tab has the lock: after a freeze, the word that it was taken may come later than
   * everything else. A second lock tells which of the holders this tab is.
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
      // Without an answer, the loss of the lock itself has to tell.
      return true
    }
  }
}
