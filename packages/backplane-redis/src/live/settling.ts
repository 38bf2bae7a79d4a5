import type { History } from '../link/history.js'
import type { Keys } from '../link/keys.js'
import type { RedisLink } from '../link/redis-link.js'
import { readHeads } from './heads.js'
import type { Subscriptions } from './subscriptions.js'

export interface SettlingOptions {
  readonly keys: Keys
  readonly history: History
  readonly subscriptions: Subscriptions
  /** The time in milliseconds for which a channel without subscribers is still heard. */
  readonly lingerMs: number
  /** Called with the origin of history whenever it was read. */
  onOrigin(link: RedisLink, origin: number): void
}

interface Pass {
  readonly link: RedisLink
  /** True if something was subscribed to, or left, since the pass began. */
  again: boolean
  done: Promise<void>
}

/** Makes Redis send the channels that have subscribers, and no others. */
export class Settling {
  /** The link to settle on; a pass on another one stops. */
  link: RedisLink | undefined
  readonly #options: SettlingOptions
  #pass: Pass | undefined

  constructor(options: SettlingOptions) {
    this.#options = options
  }

  /** Resolves when Redis sends what is wanted. */
  settle(link: RedisLink): Promise<void> {
    const running = this.#pass
    if (running?.link === link) {
      running.again = true
      return running.done
    }
    const begun: Pass = { link, again: false, done: Promise.resolve() }
    this.#pass = begun
    begun.done = this.#run(begun)
    return begun.done
  }

  async #run(pass: Pass): Promise<void> {
    const { link } = pass
    try {
      // All subscriptions of this turn go into one command.
      await Promise.resolve()
      do {
        pass.again = false
        while (this.link === link && (await this.#step(link))) {}
      } while (pass.again)
    } catch (error) {
      link.close(error as Error)
    } finally {
      if (this.#pass === pass) this.#pass = undefined
    }
  }

  /** Returns true if there may be more to do. */
  async #step(link: RedisLink): Promise<boolean> {
    const { keys, lingerMs, history, subscriptions, onOrigin } = this.#options
    const idle = subscriptions.takeIdle(Date.now() - lingerMs)
    if (idle.length > 0) {
      await link.unsubscribe(idle.map(({ name }) => link.local(keys.live(name))))
      return true
    }
    const silent = [...subscriptions.silent]
    if (silent.length > 0) {
      await link.subscribe(silent.map(({ name }) => link.local(keys.live(name))))
      if (this.link !== link) return false
      for (const channel of silent) {
        subscriptions.silent.delete(channel)
        channel.heard = true
      }
    }
    const unsettled = subscriptions.unsettled()
    if (unsettled.length === 0) return false
    // Their channels are heard, so every event after this position comes, by pub/sub or by a repair.
    const { last, origin } = await readHeads(link, keys, history.known, [])
    history.note(last)
    for (const subscription of unsettled) subscriptions.settle(subscription, last)
    onOrigin(link, origin)
    return true
  }
}
