import { encodeControlEvent } from '@rivulet/core'
import type { Cohort } from '../delivery/cohort.js'
import type { Connection } from '../delivery/connection.js'
import type { DeliveryRuntime } from '../delivery/delivery-runtime.js'
import type { FanOut } from '../delivery/fan-out.js'
import type { Writer } from '../delivery/line.js'
import { Refused } from './admission.js'
import { Asking, type AskingOptions, clientGone } from './asking.js'
import { type Candidate, withChannels } from './candidate.js'
import { type ChangePlan, type ChangePlanRequest, planChange } from './change-plan.js'

// Carries out the changes of one connection's channels: prepares the other cohort while the connection goes on in its own,
// then goes over in one step.

/** Channels that a stream should have. */
export interface Wanted {
  /** Distinct names, in alphabetical order. At least one. */
  readonly channels: readonly string[]
  /** Cursors of the client on channels that it does not have yet. */
  readonly after: ReadonlyMap<string, string>
  /** The client's number of the change; `undefined` if only the server asked. */
  readonly change: number | undefined
}

/** A change that was carried out. */
export interface Changed {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly change: number | undefined
}

/** The parts of the streams that a change needs. */
export interface ChangingHost {
  readonly runtime: DeliveryRuntime
  readonly fanOut: FanOut
  readonly asking: AskingOptions
  isOpen(connection: Connection): boolean
  /** The history that a route gives to a client on channels that are new to it. */
  historyOf(connection: Connection, asking: Asking): Pick<ChangePlanRequest, 'replay' | 'snapshot'>
  onChanged(connection: Connection, changed: Changed): void
  /** Nothing is left to be done. */
  onIdle(connection: Connection): void
}

/** A change that is being prepared, or is ready to be carried out. */
interface Preparation {
  readonly wanted: Wanted
  readonly asking: Asking
  readonly cohort: Cohort
  readonly added: readonly string[]
  plan: ChangePlan | undefined
  ready: boolean
}

/** The time in milliseconds until a change is tried again, if the backplane did not answer. */
const retryMs = 1_000
const nothingAfter: ReadonlyMap<string, string> = new Map()

/** The changes of one connection's channels: at most one in preparation, and one that waits. A later one replaces that. */
export class Changing implements Writer {
  readonly servesLive = false
  readonly #host: ChangingHost
  readonly #connection: Connection
  #waiting: Wanted | undefined
  #preparation: Preparation | undefined
  /** Channels that the client was told it has left, before the connection could go over. */
  readonly #told = new Set<string>()
  /** The timer of the next attempt, after the backplane failed. */
  #retry: unknown

  constructor(host: ChangingHost, connection: Connection) {
    this.#host = host
    this.#connection = connection
  }

  /** The stream as it will be. */
  get prospect(): Candidate {
    return withChannels(this.#connection, this.#target.channels)
  }

  get #target(): Wanted {
    return this.#waiting ?? this.#preparation?.wanted ?? this.#present
  }

  get #present(): Wanted {
    return { channels: this.#connection.channels, after: nothingAfter, change: undefined }
  }

  get busy(): boolean {
    return this.#waiting !== undefined || this.#preparation !== undefined || this.#retry !== undefined
  }

  /** Changes the channels as soon as possible. */
  want(wanted: Wanted): void {
    this.#waiting = wanted
    this.#goOn()
  }

  join(channel: string): void {
    const target = this.#target
    if (target.channels.includes(channel)) return
    const { after, change } = this.#waiting ?? this.#present
    this.want({ channels: [...target.channels, channel].sort(), after, change })
  }

  /** Takes a channel away. The connection gets nothing more of it from now on, in whatever state it is. */
  leave(channel: string): void {
    const target = this.#target
    const connection = this.#connection
    const isMember = connection.channels.includes(channel)
    if (!isMember && !target.channels.includes(channel)) return
    const channels = target.channels.filter((name) => name !== channel)
    if (channels.length === 0) {
      // It comes back, and its route decides anew.
      this.#end('no channels left')
      return
    }
    if (isMember) connection.withhold(channel)
    if (this.#preparation?.wanted.channels.includes(channel)) this.#abandon()
    if (target.channels.includes(channel)) this.want({ ...target, channels })
  }

  #end(reason: string): void {
    if (this.#host.isOpen(this.#connection)) this.#connection.close(reason, true)
    else this.#connection.onClose()
  }

  #goOn(): void {
    this.#host.runtime.line.add(this)
  }

  /** Prepares or carries out what is due, in a turn of its own: no event is on its way to cohorts then. */
  write(now: () => number, deadline: number): boolean {
    const connection = this.#connection
    if (connection.state === 'closed') return true
    if (!connection.ready) {
      this.#tellLeft()
      connection.whenReady(() => this.#goOn())
      return true
    }
    if (!this.#preparation && this.#waiting && this.#retry === undefined) {
      this.#prepare(this.#waiting).catch((error: unknown) => connection.fail(error, 'read'))
    }
    const preparation = this.#preparation
    if (!preparation?.ready) return true
    if (!connection.drainQueue(now, deadline)) {
      if (connection.ready) return false
      connection.whenReady(() => this.#goOn())
      return true
    }
    this.#carryOut(preparation)
    return true
  }

  /** Tells the client at once what it has left, if the rest of the change has to wait. */
  #tellLeft(): void {
    const connection = this.#connection
    const removed = this.#withheld().filter((channel) => !this.#told.has(channel))
    if (removed.length === 0 || !this.#host.isOpen(connection)) return
    for (const channel of removed) this.#told.add(channel)
    connection.write(encodeControlEvent({ type: 'rivulet:channels', added: [], removed }))
  }

  #withheld(): string[] {
    const connection = this.#connection
    return connection.cohort.channels.filter((channel) => connection.withholds(channel))
  }

  async #prepare(wanted: Wanted): Promise<void> {
    const { runtime, fanOut, asking: options } = this.#host
    const connection = this.#connection
    const has = new Set(connection.channels)
    const added = wanted.channels.filter((channel) => !has.has(channel))
    const cohort = fanOut.cohort(wanted.channels)
    const asking = new Asking(runtime, options)
    const preparation: Preparation = { wanted, asking, cohort, added, plan: undefined, ready: false }
    this.#preparation = preparation
    this.#waiting = undefined
    // The cohort now stays, and keeps some frames.
    cohort.catchingUp.add(connection)
    try {
      for (;;) {
        const subscribing = asking.attempt('read', () => fanOut.subscribing(cohort))
        if (!subscribing) break
        await asking.read(() => subscribing)
      }
      if (added.length > 0) {
        const history = this.#host.historyOf(connection, asking)
        const { after, change } = wanted
        preparation.plan = await planChange(runtime.backplane, cohort, { added, after, change, asking, ...history })
        asking.check()
      }
      preparation.ready = true
    } catch (outcome) {
      if (this.#preparation === preparation) this.#onFailed(preparation, outcome)
    }
    this.#goOn()
  }

  /** The connection stays as it is. */
  #onFailed({ wanted }: Preparation, outcome: unknown): void {
    const { runtime } = this.#host
    const connection = this.#connection
    const { change } = wanted
    this.#abandon()
    if (Refused.is(outcome) && outcome.refusal.status === 503) {
      // The backplane did not answer.
      this.#waiting ??= wanted
      this.#retry = runtime.clock.setTimeout(() => {
        this.#retry = undefined
        this.#goOn()
      }, retryMs)
      return
    }
    if (change === undefined || connection.channels.length === 0) {
      // On its next connection it gets what its route decides.
      this.#end('change failed')
      return
    }
    connection.write(encodeControlEvent({ type: 'rivulet:channels', added: [], removed: [], change, failed: true }))
    // What it has left stays left.
    if (this.#withheld().length > 0) this.#waiting ??= this.#present
    if (!this.#waiting) this.#host.onIdle(connection)
  }

  /** Goes over to the other cohort. From here to the end nothing else runs. */
  #carryOut({ wanted, cohort, added, plan }: Preparation): void {
    const { runtime, fanOut } = this.#host
    const connection = this.#connection
    const old = connection.cohort
    const kept = new Set(connection.channels.filter((channel) => wanted.channels.includes(channel)))
    const left = old.channels.filter((channel) => !kept.has(channel))
    const removed = left.filter((channel) => !this.#told.has(channel))
    const { change } = wanted
    this.#preparation = undefined
    this.#told.clear()
    const changes = added.length > 0 || removed.length > 0 || change !== undefined
    const marker = changes ? encodeControlEvent({ type: 'rivulet:channels', added, removed, change }) : ''
    for (const reason of plan?.gaps ?? []) runtime.counters.gaps[reason]++
    connection.goOver(cohort, marker + (plan?.prologue ?? ''), plan && ((position) => plan.startAt(position, kept)))
    if (old !== cohort) fanOut.release(old)
    if (connection.state === 'closed') return
    this.#host.onChanged(connection, { added, removed: left, change })
    if (this.#waiting) this.#goOn()
    else this.#host.onIdle(connection)
  }

  /** Gives up what is being prepared. */
  #abandon(): void {
    const preparation = this.#preparation
    if (!preparation) return
    const { cohort, asking } = preparation
    this.#preparation = undefined
    asking.breakOff(clientGone)
    if (cohort === this.#connection.cohort && this.#connection.state !== 'live') return
    cohort.caughtUp(this.#connection)
    this.#host.fanOut.release(cohort)
  }

  /** Call this when the connection has closed. */
  stop(): void {
    this.#waiting = undefined
    this.#abandon()
    this.#host.runtime.clock.clearTimeout(this.#retry)
    this.#host.runtime.line.remove(this)
  }
}
