import type { MemoryRuns } from '../src/backplane/memory-runs.js'

interface Entry {
  readonly token: string
  leasedUntil: number
  ended: boolean
}

/** Watches the store of runs, and judges each call that it accepts: by its token, by its lease, and by the end of the run. */
export class RunLedger {
  readonly problems: string[] = []
  readonly #entries = new Map<string, Entry>()
  readonly #now: () => number

  constructor(runs: MemoryRuns, now: () => number) {
    this.#now = now
    const { create, append, renew, finish, forget } = runs
    runs.create = (id, creation) => {
      const result = create.call(runs, id, creation)
      if (result.created) this.#create(id, creation.token, creation.leaseMs)
      return result
    }
    runs.append = (id, token, ordinal, messages) => {
      const stored = append.call(runs, id, token, ordinal, messages)
      if (stored) this.#expectHeld('appends to', id, token)
      return stored
    }
    runs.renew = (leases, leaseMs) => {
      const held = renew.call(runs, leases, leaseMs)
      for (const [index, { id, token }] of leases.entries()) {
        const entry = held[index] && this.#expectHeld('renews', id, token)
        if (entry) entry.leasedUntil = now() + leaseMs
      }
      return held
    }
    runs.finish = (id, ender, end) => {
      const entry = this.#entries.get(id)
      if (!finish.call(runs, id, ender, end)) return false
      if (typeof ender === 'object') this.#expectHeld('ends', id, ender.token)
      else if (!entry || entry.ended) this.#blame(`${ender} ends ${id}, which is over`)
      else if (ender === 'lapsed' && now() < entry.leasedUntil) this.#blame(`the lease of ${id} was not over`)
      if (entry) entry.ended = true
      return true
    }
    runs.forget = (id) => {
      const gone = forget.call(runs, id)
      if (gone && this.#entries.get(id)?.ended === false) this.#blame(`${id} is forgotten while it is running`)
      if (gone) this.#entries.delete(id)
      return gone
    }
  }

  #blame(problem: string): void {
    this.problems.push(problem)
  }

  #create(id: string, token: string, leaseMs: number): void {
    const entry = this.#entries.get(id)
    if (!entry) this.#entries.set(id, { token, leasedUntil: this.#now() + leaseMs, ended: false })
    else if (entry.token !== token) this.#blame(`${id} is created twice`)
  }

  #expectHeld(does: string, id: string, token: string): Entry | undefined {
    const entry = this.#entries.get(id)
    if (entry?.token !== token) this.#blame(`a stranger ${does} ${id}`)
    else if (entry.ended) this.#blame(`its producer ${does} ${id}, which is over`)
    else if (this.#now() >= entry.leasedUntil) this.#blame(`its producer ${does} ${id} beyond its lease`)
    return entry
  }
}
