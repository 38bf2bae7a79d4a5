import { type ChannelsEvent, type Clock, ConfigurationError, type OpenEvent } from '@rivulet/core'
import { development } from '../runtime/development.js'
import { ChannelsRefusedError, HttpStatusError, isRetryableStatus, messageOf } from '../runtime/errors.js'
import { type Resolvers, withResolvers } from '../runtime/with-resolvers.js'
import { callServer } from './call-server.js'
import { ChannelProgress, sameNames, sortedNames } from './channel-progress.js'
import type { ConnectionOptions } from './connection-options.js'
import type { StreamChannels } from './fixed-channels.js'
import { besideUrl } from './request.js'
import { type RetryPolicy, retryDelay } from './retry-policy.js'
import type { ConnectionSink } from './stream-link.js'

// Decides which channels a connection asks for, and sends changes until the server has carried them out.

/** The time after which an accepted change that was not carried out is sent again, in milliseconds. */
const carriedOutMs = 10_000

type Names = readonly string[]

/** An open connection, with its channels as the client asked for them. `undefined`: the client did not ask. */
interface Target {
  readonly open: OpenEvent
  /** Aborts when the connection is replaced or closed. */
  readonly signal: AbortSignal
  /** The names in the last request or change that was sent. */
  sent: Names | undefined
  /** The names in effect. */
  current: Names | undefined
  /** The names of changes that were sent and not carried out, by their number. */
  readonly changes: Map<number, Names>
  /** The number of the last change that was sent, unless it was refused. */
  last: number
  /** The number of the last change that was carried out. */
  done: number
  /** The names of the change whose history is under way. */
  history: Names | undefined
  /** Number of changes in a row that failed or were not carried out in time. */
  failures: number
}

/**
 * Changes the channels of a connection. Sends one change at a time, the latest first, and repeats it until the server has
 * carried it out: a new connection begins with the channels of which nothing is missing.
 */
export class ChannelChanges implements StreamChannels {
  readonly progress: ChannelProgress
  readonly #options: ConnectionOptions
  readonly #policy: RetryPolicy
  readonly #clock: Clock
  readonly #sink: ConnectionSink
  #wanted: Names | undefined
  /** The names that were set last, also if the change was refused. */
  #asked: Names = []
  /** Names that were given up and that the server may still have. They are removed before they are added again. */
  readonly #left = new Set<string>()
  #target: Target | undefined
  #number = 0
  /** A change is not answered yet, or waits to be repeated after a failure. */
  #busy = false
  #timer: unknown
  #pending: Resolvers | undefined

  constructor(options: ConnectionOptions, policy: RetryPolicy, clock: Clock, sink: ConnectionSink) {
    this.#options = options
    this.#policy = policy
    this.#clock = clock
    this.#sink = sink
    this.progress = new ChannelProgress(options.channels)
    this.#wanted = this.progress.have
  }

  /** Returns the names to request: with a cursor, those for which it is true. */
  namesFor(cursor: string): Names | undefined {
    const { have } = this.progress
    this.#left.clear()
    // A page that was reloaded goes on with the channels that it had.
    this.#wanted ??= have
    return cursor === '' ? this.#wanted : have?.filter((name) => this.#wanted?.includes(name))
  }

  /** Sets the wanted names. Settles when they are in effect, at once if there is no connection. */
  set(names: Names, isConnected: boolean): Promise<void> {
    // A change may be carried out although a later one was refused, so the server may have more than was wanted last.
    const current = this.#target?.current ?? []
    const left = [...this.#asked, ...(this.#wanted ?? []), ...current].filter((name) => !names.includes(name))
    for (const name of left) if (this.#mayHave(name)) this.#left.add(name)
    this.#wanted = sortedNames(names)
    this.#asked = this.#wanted
    this.#leave(left.filter((name) => !current.includes(name)))
    if (!isConnected || this.#isInEffect) return Promise.resolve()
    this.#pending ??= withResolvers()
    const { promise } = this.#pending
    // The sink gets the error too, so that a caller may ignore the promise.
    promise.catch(() => {})
    this.#send()
    return promise
  }

  /**
   * The server has sent the first event of a connection, which was requested with these names. Returns the channels whose
   * history broke off: the client cannot ask for the rest.
   */
  opened(open: OpenEvent, names: Names | undefined, cursor: string, signal: AbortSignal): Names {
    this.lost()
    const complete = cursor === '' || sameNames(names, this.#wanted)
    const broken = this.#advance((progress) => progress.open(names, complete))
    const changes = new Map<number, Names>()
    this.#target = {
      open,
      signal,
      sent: names,
      current: names,
      changes,
      last: 0,
      done: 0,
      history: undefined,
      failures: 0,
    }
    this.#prune()
    this.#settle()
    // Without a cursor everything begins anew, and a gap has told so.
    return cursor === '' ? [] : broken
  }

  /**
   * The server has carried out a change, or says that it could not. The history of the added channels follows. Returns the
   * channels whose history broke off.
   */
  carriedOut(event: ChannelsEvent): Names {
    const target = this.#target
    if (!target) return []
    const { change = 0, added, failed } = event
    const names = target.changes.get(change)
    for (const number of target.changes.keys()) if (number <= change) target.changes.delete(number)
    if (names) {
      target.done = change
      target.failures = 0
    }
    if (failed) {
      if (names)
        this.#fail(target, names, development ? 'the server failed to make the change. Its onError has the cause.' : '')
      return []
    }
    const broken = this.#advance((progress) => (names ? begin(progress, event, names) : progress.begin(event)))
    if (!names) return broken
    // Unless a later change is under way.
    if (change >= target.last) target.sent = names
    target.current = names
    target.history = names
    this.#prune()
    if (added.length === 0) this.caughtUp()
    return broken
  }

  /** A connection has a channel from its cursor on, so the rest of the channel's history will not come. */
  brokeOff(channel: string): void {
    this.#advance((progress) => progress.breakOff([channel]))
  }

  /** The history of the added channels is complete. */
  caughtUp(): void {
    const target = this.#target
    if (!target) return
    const { history } = target
    target.history = undefined
    this.#advance((progress) => (history ? end(progress, history) : progress.end()))
    this.#settle()
  }

  /** The server counts the IDs of a channel, or of all, from the start again. */
  restarted(channel: string | undefined): void {
    this.#advance((progress) => progress.restart(channel))
  }

  /** The connection is lost. */
  lost(): void {
    if (this.#target) this.#leave([...this.#left])
    this.#target = undefined
    this.#busy = false
    this.#clock.clearTimeout(this.#timer)
  }

  /** The stream is closed. The next connection asks for the wanted channels. */
  closed(): void {
    this.lost()
    this.#pending?.resolve()
    this.#pending = undefined
  }

  get #isInEffect(): boolean {
    const target = this.#target
    return (
      target !== undefined &&
      !target.history &&
      target.done >= target.last &&
      sameNames(target.current, this.#wanted) &&
      sameNames(this.#next, this.#wanted)
    )
  }

  /** The names to send: first without those that were removed and added again, as only the last of waiting changes counts. */
  get #next(): Names | undefined {
    return this.#wanted?.filter((name) => !this.#left.has(name))
  }

  #mayHave(name: string): boolean {
    const target = this.#target
    return !target || [target.current, target.sent, ...target.changes.values()].some((names) => names?.includes(name))
  }

  /** Forgets the names that the server has removed, and that no change under way adds. */
  #prune(): void {
    for (const name of this.#left) if (!this.#mayHave(name)) this.#left.delete(name)
  }

  /** A new connection does not ask for the names that were given up: they begin anew. */
  #leave(names: Names): void {
    if (names.length > 0) this.#advance((progress) => leave(progress, names))
  }

  #advance<Result>(step: (progress: ChannelProgress) => Result): Result {
    const result = step(this.progress)
    this.#sink.advance(step)
    return result
  }

  #settle(): void {
    if (this.#isInEffect) {
      this.#pending?.resolve()
      this.#pending = undefined
    } else this.#send()
  }

  /** Sends the next names, unless they were sent or another change is under way. */
  #send(): void {
    const target = this.#target
    const names = this.#next
    if (!target || !names || this.#busy) return
    // Names that were given up are removed even if the server seems to have none of them: a refused change may still add them.
    const isUncertain = target.done >= target.last && !sameNames(names, this.#wanted)
    if (!isUncertain && sameNames(names, target.sent)) return
    const { connectionId, control } = target.open
    if (control === undefined) {
      const fix = development ? 'Set changeable: true on its route, and serve streamControl(manager, …) beside it.' : ''
      this.#fail(target, names, development ? `the server allows no changes. ${fix}` : '')
      return
    }
    this.#clock.clearTimeout(this.#timer)
    this.#busy = true
    target.sent = names
    // A change that is sent again keeps its number, and the server carries it out once.
    if (!sameNames(target.changes.get(this.#number), names)) target.changes.set(++this.#number, names)
    const change = this.#number
    target.last = change
    const body = () => {
      const after = Object.fromEntries([...this.progress.partial].filter(([, id]) => id !== ''))
      return JSON.stringify({ connectionId, control, channels: names, after, change })
    }
    const url = this.#options.controlUrl ?? besideUrl(this.#options, 'control')
    callServer({ ...this.#options, url, method: 'POST', body }, this.#clock, target.signal).then(
      () => this.#onAnswer(target, names),
      (error) => this.#onAnswer(target, names, error),
    )
  }

  #onAnswer(target: Target, names: Names, error?: unknown): void {
    if (target !== this.#target) return
    // The server may have carried out the change before its answer is here, or lost.
    const isDone = target.done >= target.last
    if (error === undefined || isDone) {
      this.#busy = false
      if (isDone || !sameNames(names, this.#next)) this.#settle()
      else this.#repeat(target, carriedOutMs)
      return
    }
    const refusal = error instanceof HttpStatusError ? error : undefined
    if (
      error instanceof ConfigurationError ||
      !isTemporary(refusal, target) ||
      target.failures >= this.#policy.maxAttempts
    ) {
      this.#busy = false
      target.last = target.done
      const reason = development && refusal ? `${refusal.url} answered ${refusal.status}.` : messageOf(error)
      const fix = development ? 'Check controlUrl, and the channels that the route allows.' : ''
      this.#fail(target, names, `${reason} ${fix}`, error)
    } else this.#repeat(target, 0, refusal?.retryAfterMs)
  }

  /** Sends the change again if it is not carried out in time. */
  #repeat(target: Target, leastMs: number, retryAfterMs?: number): void {
    const situation = { attempt: ++target.failures, retryAfterMs, random: this.#clock.random() }
    const delayMs = Math.max(leastMs, retryDelay(this.#policy, situation))
    this.#timer = this.#clock.setTimeout(() => {
      this.#busy = false
      // The outcome is unknown, so the wanted names are sent whatever they are.
      if (target.done < target.last) target.sent = undefined
      this.#settle()
    }, delayMs)
  }

  /** A change was refused. If nothing else was wanted meanwhile, the stream keeps the channels that it has. */
  #fail(target: Target, names: Names, reason: string, cause?: unknown): void {
    target.sent = target.current
    const error = new ChannelsRefusedError(names, reason, cause)
    if (!sameNames(names, this.#wanted)) {
      if (sameNames(names, this.#next)) {
        // Channels that were to begin anew go on instead.
        this.#left.clear()
        this.#sink.error(error)
      }
      this.#settle()
      return
    }
    this.#left.clear()
    this.#wanted = target.current
    const pending = this.#pending
    this.#pending = undefined
    this.#sink.error(error)
    pending?.reject(error)
  }
}

// Steps of the progress for changes of the client's. Those of the server's are methods of ChannelProgress.

/**
 * The channels change to those of the names. One that is removed and added begins anew. Returns the channels whose history
 * broke off, on an earlier connection.
 */
function begin(progress: ChannelProgress, { added, removed }: ChannelsEvent, names: Names): Names {
  const { have, partial } = progress
  for (const channel of removed) partial.delete(channel)
  if (have) progress.have = have.filter((name) => names.includes(name) && !removed.includes(name))
  // The route's own choice may have held some of them. Only the server knows its names.
  else progress.have = added.every((name) => names.includes(name)) ? names.filter((name) => !added.includes(name)) : []
  // Those that were not added are there already, with what comes after the cursor.
  const broken = progress.breakOff([...partial.keys()].filter((channel) => !added.includes(channel)))
  progress.partial = new Map(added.map((channel) => [channel, partial.get(channel) ?? '']))
  return broken
}

/** The history of the added channels is complete, so nothing is missing of the names. */
function end(progress: ChannelProgress, names: Names): void {
  progress.have = names
  progress.partial.clear()
  progress.joined = []
}

/** The application gave up these names. If it wants them again, they begin anew. */
function leave(progress: ChannelProgress, names: Names): void {
  progress.have = progress.have?.filter((name) => !names.includes(name))
  for (const name of names) progress.partial.delete(name)
}

function isTemporary(refusal: HttpStatusError | undefined, { failures }: Target): boolean {
  // The server may have ended a connection that the client still believes to be open.
  return !refusal || isRetryableStatus(refusal.status) || (refusal.status === 404 && failures === 0)
}
