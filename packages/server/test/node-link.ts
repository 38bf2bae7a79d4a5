import type { Clock } from '@rivulet/core'
import type { Backplane, BackplaneSubscriber } from '../src/backplane/backplane.js'
import type { MemoryBackplane } from '../src/backplane/memory-backplane.js'
import type { RunStore } from '../src/backplane/run-store.js'
import type { SimulatedClock } from './simulation.js'

/** The clock and the backplane of one node, which can stand still, die, or be badly connected. */
export class NodeLink {
  readonly clock: Clock
  readonly backplane: Backplane
  state: 'up' | 'paused' | 'dead' = 'up'
  /** The probability that a call fails, before or after it was carried out. */
  faults = 0
  readonly #clock: SimulatedClock
  readonly #held: (() => void)[] = []
  readonly #ways = { out: [] as (() => void)[], back: [] as (() => void)[] }
  readonly #subscribers = new Map<BackplaneSubscriber, BackplaneSubscriber>()

  constructor(clock: SimulatedClock, inner: MemoryBackplane) {
    this.#clock = clock
    this.clock = {
      now: clock.now,
      random: clock.random,
      setTimeout: (callback, ms) => clock.setTimeout(() => this.run(callback), ms),
      clearTimeout: clock.clearTimeout,
      defer: (callback) => clock.defer(() => this.run(callback)),
    }
    const call =
      <Args extends unknown[], Result>(method: (...args: Args) => Result) =>
      (...args: Args): Promise<Awaited<Result>> =>
        this.#call(() => method(...args))
    const { runs } = inner
    const linked: RunStore = {
      create: call((...args) => runs.create(...args)),
      append: call((...args) => runs.append(...args)),
      renew: call((...args) => runs.renew(...args)),
      finish: call((...args) => runs.finish(...args)),
      lapsed: call((...args) => runs.lapsed(...args)),
      get: call((...args) => runs.get(...args)),
      list: call((...args) => runs.list(...args)),
      forget: call((...args) => runs.forget(...args)),
    }
    this.backplane = {
      runs: linked,
      publish: call((...args) => inner.publish(...args)),
      read: call((...args) => inner.read(...args)),
      seek: call((...args) => inner.seek(...args)),
      forget: call((...args) => inner.forget(...args)),
      subscribe: (channel, subscriber) => this.#call(() => inner.subscribe(channel, this.#linked(subscriber)), 0),
      unsubscribe: (channel, subscriber) => this.#call(() => inner.unsubscribe(channel, this.#linked(subscriber)), 0),
      close: () => {},
    }
  }

  /** Runs what belongs to the node: at once, when it goes on, or never. */
  run(action: () => void): void {
    if (this.state === 'up') action()
    else if (this.state === 'paused') this.#held.push(action)
  }

  pause(): void {
    this.state = 'paused'
  }

  wake(): void {
    this.state = 'up'
    for (const action of this.#held.splice(0)) this.run(action)
  }

  /** Everything of it ends: no timer fires, nothing arrives. */
  crash(): void {
    this.state = 'dead'
    this.#held.length = 0
  }

  #call<Result>(action: () => Result, faults: number = this.faults): Promise<Awaited<Result>> {
    return new Promise((resolve, reject) => {
      const fails = this.#clock.random() < faults && (this.#clock.random() < 0.5 ? 'before' : 'after')
      this.#send('out', () => {
        const result = fails === 'before' ? undefined : action()
        const answer = () => (fails ? reject(new Error('unavailable')) : resolve(result as Awaited<Result>))
        this.#send('back', () => this.run(answer))
      })
    })
  }

  #linked(subscriber: BackplaneSubscriber): BackplaneSubscriber {
    let linked = this.#subscribers.get(subscriber)
    if (!linked) {
      const pass = (action: () => void) => this.#send('back', () => this.run(action))
      linked = {
        onMessage: (...args) => pass(() => subscriber.onMessage(...args)),
        onGap: (channel) => pass(() => subscriber.onGap(channel)),
        onHealth: (error) => pass(() => subscriber.onHealth(error)),
      }
      this.#subscribers.set(subscriber, linked)
    }
    return linked
  }

  /** Later, and in order. */
  #send(way: 'out' | 'back', action: () => void): void {
    const waiting = this.#ways[way]
    const passSome = () => {
      const count = 1 + Math.floor(this.#clock.random() * waiting.length)
      for (const next of waiting.splice(0, count)) next()
      if (waiting.length > 0) this.#clock.defer(passSome)
    }
    if (waiting.push(action) === 1) this.#clock.defer(passSome)
  }
}
