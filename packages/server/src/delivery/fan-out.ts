import type { BackplaneSubscriber, LiveMessage } from '../backplane/backplane.js'
import type { Awaitable } from '../runtime/awaitable.js'
import { SharedStep, tell } from '../runtime/guard.js'
import type { ManagerStats } from '../runtime/stats.js'
import { Cohort, type Member } from './cohort.js'
import type { DeliveryRuntime } from './delivery-runtime.js'
import { Frame, largeChars } from './frame.js'

/** A channel that has connections. */
interface Channel {
  readonly cohorts: Set<Cohort>
  /** The position of the last live event, compared with `previous` of the next one. `undefined` if not known. */
  last: number | undefined
  /** True if the last subscription failed. It is retried for the next connection. */
  failed: boolean
  /** The pending subscription. `undefined` once it has settled. */
  subscribing: SharedStep | undefined
}

/** Brings live events to cohorts. All events of one turn of the event loop go to a cohort in one write. */
export class FanOut implements BackplaneSubscriber {
  readonly #runtime: DeliveryRuntime
  readonly #channels = new Map<string, Channel>()
  readonly #cohorts = new Map<string, Cohort>()

  constructor(runtime: DeliveryRuntime) {
    this.#runtime = runtime
  }

  get cohortCount(): number {
    return this.#cohorts.size
  }

  waiting(): Pick<ManagerStats, 'waitingFrames' | 'oldestFrameMs'> {
    const now = this.#runtime.clock.now()
    let waitingFrames = 0
    let oldest = now
    for (const { waiting, waitingSince } of this.#cohorts.values()) {
      if (waiting === 0) continue
      waitingFrames += waiting
      oldest = Math.min(oldest, waitingSince)
    }
    return { waitingFrames, oldestFrameMs: now - oldest }
  }

  /**
   * The cohort of a set of channels. Call `release` once it has no connection left.
   *
   * @param channels Distinct names, in alphabetical order.
   */
  cohort(channels: readonly string[]): Cohort {
    const key = JSON.stringify(channels)
    let cohort = this.#cohorts.get(key)
    if (!cohort) {
      cohort = new Cohort(key, channels)
      this.#cohorts.set(key, cohort)
      for (const name of channels) this.#join(name, cohort)
    }
    return cohort
  }

  /** All connections of a channel. */
  *members(name: string): Iterable<Member> {
    for (const { live, catchingUp } of this.#channels.get(name)?.cohorts ?? []) {
      yield* live
      yield* catchingUp
    }
  }

  /** The subscription to wait for until every later event of the cohort's channels will reach it. */
  subscribing(cohort: Cohort): SharedStep | undefined {
    for (const name of cohort.channels) {
      const channel = this.#channels.get(name)!
      if (channel.failed) this.#subscribe(name, channel)
    }
    for (const name of cohort.channels) {
      const { subscribing } = this.#channels.get(name)!
      if (subscribing) return subscribing
    }
    return undefined
  }

  release(cohort: Cohort): void {
    if (!cohort.empty) return
    if (this.#cohorts.get(cohort.key) === cohort) this.#cohorts.delete(cohort.key)
    this.#runtime.line.remove(cohort)
    for (const name of cohort.channels) this.#leave(name, cohort)
  }

  #join(name: string, cohort: Cohort): void {
    let channel = this.#channels.get(name)
    if (!channel) {
      channel = { cohorts: new Set(), last: undefined, failed: false, subscribing: undefined }
      this.#channels.set(name, channel)
      this.#subscribe(name, channel)
    }
    channel.cohorts.add(cohort)
  }

  #subscribe(name: string, channel: Channel): void {
    channel.failed = false
    let subscribed: Awaitable<void>
    try {
      subscribed = this.#runtime.backplane.subscribe(name, this)
    } catch (error) {
      subscribed = Promise.reject(error)
    }
    if (!(subscribed instanceof Promise)) return
    const settle = (failed: boolean) => {
      // Set together: a stream that joined in between would see a working subscription.
      channel.failed = failed
      channel.subscribing = undefined
      // Earlier events may come from a previous subscription. The hole in between concerns nobody: no connection had the channel.
      channel.last = undefined
    }
    channel.subscribing = new SharedStep(
      subscribed.then(
        () => settle(false),
        (error) => {
          settle(true)
          throw error
        },
      ),
    )
  }

  #leave(name: string, cohort: Cohort): void {
    const channel = this.#channels.get(name)
    if (!channel?.cohorts.delete(cohort) || channel.cohorts.size > 0) return
    this.#channels.delete(name)
    tell(
      () => this.#runtime.backplane.unsubscribe(name, this),
      (error) => this.onHealth(error),
    )
  }

  onMessage(name: string, message: LiveMessage): void {
    const channel = this.#channels.get(name)
    if (!channel) return
    if (message.position !== undefined) {
      if (channel.last !== undefined) {
        if (message.position <= channel.last) return
        const { previous = 0 } = message
        // Below the last one, history is another.
        if (previous !== channel.last && !channel.subscribing)
          this.#dispatch(channel, Frame.gap(name, 'backplane', previous > channel.last ? previous : undefined))
      }
      channel.last = message.position
    }
    const urgent = this.#runtime.pace?.isUrgent(message.type) ?? true
    const isLarge = message.position !== undefined && message.data.length > largeChars
    // Shared with streams that replay the event from the log.
    const frame = isLarge ? this.#runtime.replays.frame(name, message) : Frame.of(name, message)
    this.#dispatch(channel, frame, urgent)
  }

  onGap(name: string | undefined): void {
    for (const [key, channel] of this.#channels) {
      if (name !== undefined && name !== key) continue
      channel.last = undefined
      this.#dispatch(channel, Frame.gap(key, 'backplane'))
    }
  }

  onHealth(error: unknown): void {
    if (error !== undefined) this.#runtime.report(error, { stage: 'backplane' })
  }

  #dispatch(channel: Channel, frame: Frame, urgent = true): void {
    const { clock, line } = this.#runtime
    const now = clock.now()
    for (const cohort of channel.cohorts) {
      cohort.push(frame, now)
      line.add(cohort, urgent)
    }
  }
}
