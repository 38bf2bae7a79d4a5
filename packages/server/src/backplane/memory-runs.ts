import type { BackplaneMessage, LiveMessage, ReadResult } from './backplane.js'
import { DueQueue } from './due-queue.js'
import { MemoryRun } from './memory-run.js'
import {
  lossNotice,
  type RunCreated,
  type RunCreation,
  type RunEnd,
  type RunEnder,
  type RunRecord,
  type RunStore,
  runChannel,
} from './run-store.js'

/** The part of the backplane that the runs use. */
export interface MemoryRunsOptions {
  /** The time in milliseconds. It must never go back. */
  readonly now: () => number
  /** Returns the next position. */
  readonly next: () => number
  /** Passes an event on to the subscribers of a channel. */
  readonly pass: (channel: string, message: LiveMessage) => void
  /** Called when the memory of the runs has changed, or the time at which the next one is dropped. */
  readonly changed: () => void
}

/** The runs with one key, in starting order. */
interface Keyed {
  readonly runs: Set<MemoryRun>
  running: number
}

/** The run store of one process, and the reference for every other store. */
export class MemoryRuns implements RunStore {
  /** The memory that the runs take. */
  bytes = 0
  readonly #options: MemoryRunsOptions
  readonly #runs = new Map<string, MemoryRun>()
  readonly #keys = new Map<string, Keyed>()
  readonly #running = new DueQueue<MemoryRun>()
  readonly #ended = new DueQueue<MemoryRun>()

  constructor(options: MemoryRunsOptions) {
    this.#options = options
  }

  /** The time at which the next ended run is dropped, in milliseconds since the Unix epoch. */
  get due(): number {
    return this.#ended.first?.due ?? Infinity
  }

  create(id: string, creation: RunCreation): RunCreated {
    const now = this.#options.now()
    const known = this.#known(id, now)
    if (known) return { run: known.record(now), created: known.token === creation.token }
    const { key, maxRunning, leaseMs } = creation
    if (key !== undefined && (this.#keys.get(key)?.running ?? 0) >= maxRunning)
      return { run: undefined, created: false }
    const run = new MemoryRun(id, creation, this.#options.next(), now)
    this.#runs.set(id, run)
    this.#running.set(run, now + leaseMs)
    this.#addToKey(run)
    this.bytes += run.bytes
    this.#options.changed()
    return { run: run.record(now), created: true }
  }

  /** Finds a run, and drops it first if its time is over: the timer may be late. */
  #known(id: string, now: number): MemoryRun | undefined {
    const run = this.#runs.get(id)
    if (run && run.state !== 'running' && run.due <= now) this.#drop(run)
    return this.#runs.get(id)
  }

  #addToKey(run: MemoryRun): void {
    if (run.key === undefined) return
    const keyed = this.#keys.get(run.key) ?? { runs: new Set(), running: 0 }
    this.#keys.set(run.key, keyed)
    keyed.runs.add(run)
    keyed.running++
  }

  append(id: string, token: string, ordinal: number, messages: readonly BackplaneMessage[]): boolean {
    const run = this.#held(id, token)
    if (!run) return false
    const fresh = messages.slice(Math.max(0, run.ordinal - ordinal))
    if (ordinal > run.ordinal) {
      run.ordinal = ordinal
      this.#store(run, () => run.log.append(lossNotice, this.#options.next()))
    }
    for (const message of fresh) {
      // A subscriber may have ended the run.
      if (run.state !== 'running') break
      run.ordinal++
      this.#store(run, () => run.log.append(message, this.#options.next()))
    }
    this.#options.changed()
    return true
  }

  #store(run: MemoryRun, keep: () => LiveMessage): void {
    const { bytes } = run
    const stored = keep()
    this.bytes += run.bytes - bytes
    this.#options.pass(runChannel(run.id), stored)
  }

  /** Finds the run if the token holds its lease. */
  #held(id: string, token: string): MemoryRun | undefined {
    const run = this.#runs.get(id)
    const holds = run?.state === 'running' && run.token === token && run.due > this.#options.now()
    return holds ? run : undefined
  }

  renew(leases: readonly { id: string; token: string }[], leaseMs: number): boolean[] {
    const until = this.#options.now() + leaseMs
    return leases.map(({ id, token }) => {
      const run = this.#held(id, token)
      if (run) this.#running.set(run, until)
      return run !== undefined
    })
  }

  finish(id: string, ender: RunEnder, end: RunEnd): boolean {
    const now = this.#options.now()
    const run = typeof ender === 'object' ? this.#held(id, ender.token) : this.#runs.get(id)
    if (run?.state !== 'running' || (ender === 'lapsed' && run.due > now)) return false
    run.state = end.state
    run.reason = end.reason
    run.endedAt = now
    this.#running.set(run, Infinity)
    this.#ended.set(run, now + run.keepMs)
    if (run.key !== undefined) this.#keys.get(run.key)!.running--
    const position = this.#options.next()
    run.end = position
    this.#store(run, () => run.log.finish(end.message, position))
    this.#options.changed()
    return true
  }

  lapsed(limit: number): { ids: string[]; nextMs: number | undefined } {
    const now = this.#options.now()
    const over = this.#running.upTo(now, limit)
    const next = over.length > 0 ? undefined : this.#running.first
    return { ids: over.map(({ id }) => id), nextMs: next && next.due - now }
  }

  get(id: string): RunRecord | undefined {
    const now = this.#options.now()
    return this.#known(id, now)?.record(now)
  }

  list(key: string, limit: number): RunRecord[] {
    const now = this.#options.now()
    const runs = [...(this.#keys.get(key)?.runs ?? [])].reverse()
    const kept = runs.filter(({ state, due }) => state === 'running' || due > now)
    return kept.slice(0, limit).map((run) => run.record(now))
  }

  forget(id: string): boolean {
    const run = this.#runs.get(id)
    if (run?.state === 'running') return false
    if (run) this.#drop(run)
    return true
  }

  #drop(run: MemoryRun): void {
    this.#ended.set(run, Infinity)
    this.#runs.delete(run.id)
    this.bytes -= run.bytes
    if (run.key === undefined) return
    const keyed = this.#keys.get(run.key)!
    keyed.runs.delete(run)
    if (keyed.runs.size === 0) this.#keys.delete(run.key)
  }

  /** Reads the log of a run. Returns `undefined` if there is no such run. */
  read(id: string, after: number, limit: number): Omit<ReadResult, 'storedPosition' | 'clock'> | undefined {
    return this.#known(id, this.#options.now())?.log.read(after, limit)
  }

  /** Drops at most `limit` ended runs whose time is over. */
  expire(now: number, limit: number): void {
    for (let left = limit; left > 0 && this.due <= now; left--) this.#drop(this.#ended.first!)
  }

  /** Drops ended runs, then the events of running ones, oldest first, until all runs fit into `maxBytes`. */
  shrink(maxBytes: number): void {
    while (this.bytes > maxBytes && this.#ended.first) this.#drop(this.#ended.first)
    for (const run of this.#runs.values()) {
      if (this.bytes <= maxBytes) return
      const { bytes } = run
      run.log.trim(0)
      this.bytes += run.bytes - bytes
    }
  }

  clear(): void {
    this.bytes = 0
    this.#runs.clear()
    this.#keys.clear()
    this.#running.clear()
    this.#ended.clear()
  }
}
