import type { Clock } from '@rivulet/core'
import { storeError } from '../database/errors.js'
import type { Store } from '../database/store.js'
import type { Step } from './step.js'

export interface CommitsOptions {
  readonly store: Store
  readonly clock: Pick<Clock, 'now' | 'setTimeout' | 'clearTimeout' | 'defer'>
  /** Time that steps wait for the lock of the database, in milliseconds. */
  readonly timeoutMs: number
  /** Called at the end of a transaction, to write the changes that its steps collected. */
  readonly write: () => void
  /** Called after a transaction, or after one that failed. */
  readonly settled: (stored: boolean) => void
  /** Called when writing begins to fail, and when it works again. */
  readonly onHealth: (error: unknown) => void
}

/** Steps of one transaction. A longer one would hold up the event loop. */
const maxSteps = 1_000
/** Delay before another try while the database is locked, in milliseconds. */
const retryMs = 10

/** Stores the steps of one turn of the event loop in one transaction. */
export class Commits {
  readonly #options: CommitsOptions
  #queue: Step[] = []
  #scheduled = false
  #retry: unknown
  /** The time at which the current lock was met. */
  #lockedSince: number | undefined
  #failing = false

  constructor(options: CommitsOptions) {
    this.#options = options
  }

  add(step: Step): void {
    this.#queue.push(step)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#lockedSince !== undefined) return
    this.#scheduled = true
    this.#options.clock.defer(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#queue.length === 0) return
    const steps = this.#queue.length > maxSteps ? this.#queue.splice(0, maxSteps) : this.#queue
    if (steps === this.#queue) this.#queue = []
    const error = this.#commit(steps)
    if (error && this.#waits(error)) {
      this.#queue = [...steps, ...this.#queue]
      this.#retry = this.#options.clock.setTimeout(() => this.#flush(), retryMs)
      return
    }
    this.#lockedSince = undefined
    if (error) this.#commitEach(steps, error)
    if (this.#queue.length > 0) this.#schedule()
  }

  /** True if another connection has the lock and may still release it in time. */
  #waits(error: unknown): boolean {
    if (storeError('write', error).problem !== 'locked') return false
    const now = this.#options.clock.now()
    this.#lockedSince ??= now
    return now - this.#lockedSince < this.#options.timeoutMs
  }

  /** Commits each step alone, so that one that cannot be stored, perhaps for its size, makes no other fail. */
  #commitEach(steps: readonly Step[], error: unknown): void {
    const locked = storeError('write', error).problem === 'locked'
    for (const step of steps) {
      const failure = locked || steps.length === 1 ? error : this.#commit([step])
      if (!failure) continue
      const reported = storeError('write', failure)
      step.fail(reported)
      if (!this.#failing) this.#options.onHealth(reported)
      this.#failing = true
    }
  }

  /** @returns The error if nothing was stored. */
  #commit(steps: readonly Step[]): unknown {
    const { store, write, settled } = this.#options
    if (steps.some(({ writes }) => writes)) {
      try {
        store.commit(() => {
          for (const step of steps) step.apply()
          write()
        })
      } catch (error) {
        store.reset()
        settled(false)
        return error
      }
      settled(true)
      if (this.#failing) this.#options.onHealth(undefined)
      this.#failing = false
    }
    for (const step of steps) step.pass()
    for (const step of steps) step.done()
    return undefined
  }

  /** Stores all waiting steps, or fails them. */
  close(): void {
    this.#options.clock.clearTimeout(this.#retry)
    while (this.#queue.length > 0) {
      const steps = this.#queue
      this.#queue = []
      const error = this.#commit(steps)
      if (error) this.#commitEach(steps, error)
    }
  }
}
