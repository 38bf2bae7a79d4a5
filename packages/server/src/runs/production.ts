import type { Clock, EndEvent, EventContract, RivuletError } from '@rivulet/core'
import type { BackplaneMessage } from '../backplane/backplane.js'
import type { RunEnd, RunStore } from '../backplane/run-store.js'
import type { Awaitable } from '../runtime/awaitable.js'
import { disregard, Wait } from '../runtime/guard.js'
import { callAt } from '../streams/lifetime.js'
import { RunEndedError, RunFailure, RunLostError, RunTimeoutError } from './errors.js'
import { Outbox } from './outbox.js'
import type { Producing } from './producer.js'
import { Retry } from './retry.js'

/** The end of a run, before it is encoded. */
export type Outcome = Pick<EndEvent, 'state' | 'reason'>

/** The terminal event of an outcome. */
export function endOf({ state, reason }: Outcome): RunEnd {
  return { state, reason, message: { type: 'rivulet:end', data: JSON.stringify({ state, reason }) } }
}

export interface ProductionOptions<Contract extends EventContract> {
  readonly id: string
  readonly token: string
  readonly beginning: number
  readonly store: RunStore
  readonly clock: Clock
  readonly leaseMs: number
  /** The time at which its lease ends unless it is renewed. */
  readonly leasedUntil: number
  readonly timeoutMs: number
  /** Validates and encodes an event. */
  readonly encode: (...args: Parameters<Producing<Contract>['publish']>) => Awaitable<BackplaneMessage>
  readonly report: (error: unknown) => void
  /** Called once, when nothing is left to do. */
  readonly onOver: () => void
}

/** A run whose producer is in this process. It begins by `run`. */
export class Production<Contract extends EventContract> {
  readonly id: string
  readonly token: string
  readonly #options: ProductionOptions<Contract>
  readonly #wait = new Wait()
  readonly #outbox: Outbox
  readonly #finishing: Retry
  /** Events on their way, also those that the producer does not wait for. */
  readonly #publishing = new Set<Promise<void>>()
  readonly #reported = new Set<unknown>()
  #stopTimeout: () => void = () => {}
  #stopLease: () => void = () => {}
  #end: Promise<void> | undefined
  #over = false

  constructor(options: ProductionOptions<Contract>) {
    const { id, token, store, clock, leaseMs } = options
    this.id = id
    this.token = token
    this.#options = options
    this.#finishing = new Retry(clock)
    this.#outbox = new Outbox({
      clock,
      append: async (ordinal, messages) => store.append(id, token, ordinal, messages),
      onRefused: () => void this.refused(),
      retryForMs: leaseMs,
    })
  }

  /** Runs the producer, and ends the run with it. Never rejects. */
  async run(produce: (producing: Producing<Contract>) => Promise<void>): Promise<void> {
    const { id, clock, leasedUntil, timeoutMs } = this.#options
    if (this.#over) return
    this.renewed(leasedUntil)
    if (timeoutMs < Infinity) this.#stopTimeout = callAt(clock, clock.now() + timeoutMs, () => this.#timeOut())
    const wait = this.#wait
    const producing: Producing<Contract> = {
      id,
      get signal() {
        return wait.signal
      },
      publish: (...args) => this.#publish(...args),
    }
    try {
      await wait.for(produce(producing), (error) => this.#report(error))
      while (this.#publishing.size > 0) await Promise.allSettled(this.#publishing)
      // The producer may not have waited for the output that could not be stored.
      this.#outbox.check()
      await this.#finish({ state: 'done' })
    } catch (error) {
      if (this.#over) return
      if (!this.#end) this.#report(error)
      await this.#finish({ state: 'failed', reason: reasonOf(error) })
    }
  }

  /** One that nobody waits for must neither end the process nor be lost in silence. */
  #publish(...args: Parameters<Producing<Contract>['publish']>): Promise<void> {
    const published = this.#send(...args)
    this.#publishing.add(published)
    const settle = () => this.#publishing.delete(published)
    disregard(
      published.then(settle, (error) => {
        settle()
        if (!this.#over) this.#report(error)
      }),
    )
    return published
  }

  async #send(...args: Parameters<Producing<Contract>['publish']>): Promise<void> {
    this.#wait.check()
    const encoded = this.#options.encode(...args)
    await this.#outbox.send(encoded instanceof Promise ? await encoded : encoded)
  }

  #report(error: unknown): void {
    if (this.#reported.has(error)) return
    this.#reported.add(error)
    this.#options.report(error)
  }

  /** Ends the run, unless it is being ended already. */
  #finish(outcome: Outcome): Promise<void> {
    this.#end ??= this.#write(outcome)
    return this.#end
  }

  async #write(outcome: Outcome): Promise<void> {
    const { id, token, store, leaseMs } = this.#options
    this.#stopTimeout()
    try {
      await this.#finishing.run(async () => store.finish(id, { token }, endOf(outcome)), leaseMs)
    } catch (error) {
      if (!this.#over) this.#report(error)
    }
    // Where the store did not take it, another node ends the run when its lease is over.
    this.#leave(new RunEndedError(id, outcome.state, outcome.reason))
  }

  /** Its lease holds up to then. */
  renewed(until: number): void {
    this.#stopLease()
    if (!this.#over) this.#stopLease = callAt(this.#options.clock, until, () => this.lose())
  }

  /** Called when the store refuses a write: somebody has ended the run, or the lease is over. */
  async refused(): Promise<void> {
    const { id, store } = this.#options
    try {
      const run = await store.get(id)
      if (run && run.state !== 'running' && run.beginning === this.#options.beginning) this.ended(run as Outcome)
      else this.lose()
    } catch {
      this.lose()
    }
  }

  /** Its lease is over: whatever it does is refused. */
  lose(): void {
    const { id, leaseMs } = this.#options
    if (this.#over) return
    const error = new RunLostError(id, leaseMs)
    this.#report(error)
    this.#leave(error)
  }

  /** The run was ended, here or elsewhere. */
  ended({ state, reason }: Outcome): void {
    if (state === 'failed' && reason === 'producer lost') this.lose()
    this.#leave(new RunEndedError(this.id, state, reason))
  }

  #timeOut(): void {
    const error = new RunTimeoutError(this.id, this.#options.timeoutMs)
    this.#report(error)
    this.#breakOff(error, 'timeout')
  }

  /** Ends the run for a process that shuts down. */
  shutDown(): void {
    this.#breakOff(new RunEndedError(this.id, 'failed', 'shutdown'), 'shutdown')
  }

  #breakOff(error: unknown, reason: string): void {
    if (this.#over) return
    this.#wait.breakOff(error, error)
    this.#outbox.end(error)
    void this.#finish({ state: 'failed', reason })
  }

  #leave(error: RivuletError): void {
    if (this.#over) return
    this.#over = true
    this.#stopTimeout()
    this.#stopLease()
    this.#finishing.stop()
    this.#outbox.end(error)
    this.#wait.breakOff(error, error)
    this.#options.onOver()
  }
}

/** Readers learn what the application meant for them, and no more. What was thrown may be a proxy, with traps that throw. */
function reasonOf(error: unknown): string {
  try {
    return error instanceof RunFailure && typeof error.reason === 'string' ? error.reason : 'error'
  } catch {
    return 'error'
  }
}
