import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { randomFrom } from '../../../test-support/random.js'
import { type Acknowledged, check } from './check.test.util.js'
import { Recorder } from './recorder.test.util.js'
import type { RedisBackplane } from './redis-backplane.js'

const channels = ['a', 'b', 'c']

/** All nodes publish on some channels and hear them all, while something happens to their Redis. */
export class Traffic {
  readonly acknowledged: Acknowledged[] = []
  readonly #seed: number
  readonly #pending: ReadonlyMap<RedisBackplane, Set<{ readonly data: string }>>
  readonly #leftPending: { readonly data: string }[] = []
  #over = false

  private constructor(nodes: readonly RedisBackplane[], seed: number) {
    this.#seed = seed
    this.#pending = new Map(nodes.map((node) => [node, new Set()]))
  }

  /** Lets `strike` do its work, and checks what every node was told of all that was acknowledged. */
  static async through(
    nodes: readonly RedisBackplane[],
    { seed, lossless }: { seed: number; lossless: boolean },
    strike: (traffic: Traffic) => Promise<void>,
  ): Promise<void> {
    const traffic = new Traffic(nodes, seed)
    const recorders = await Promise.all(nodes.map((node) => traffic.#record(node)))
    const publishing = nodes.map((node, index) => traffic.#publish(node, index))
    await strike(traffic)
    traffic.#over = true
    await Promise.all(publishing)
    for (const channel of channels) await traffic.#persist(nodes[0]!, channel, `end ${channel}`)
    for (const recorder of recorders) {
      await recorder.until(({ data }) => channels.every((channel) => data.includes(`end ${channel}`)))
      check(recorder.entries, traffic.acknowledged, lossless)
    }
    expect(traffic.#leftPending, 'publishing that went on waiting after the outage was noticed').toEqual([])
  }

  /** Resolves when some more events were acknowledged: there is something to lose, and no outage. */
  async more(): Promise<void> {
    const enough = this.acknowledged.length + 12
    while (this.acknowledged.length < enough) await sleep(5)
  }

  async #record(node: RedisBackplane): Promise<Recorder> {
    const recorder = new Recorder()
    const pending = this.#pending.get(node)!
    recorder.onHealth = (error) => {
      if (error === undefined) return
      const waiting = [...pending]
      void setImmediate().then(() => this.#leftPending.push(...waiting.filter((attempt) => pending.has(attempt))))
    }
    for (const channel of channels) await subscribed(node, channel, recorder)
    return recorder
  }

  async #publish(node: RedisBackplane, index: number): Promise<void> {
    const random = randomFrom(this.#seed * 100 + index)
    // Some come in any case, however slow the machine is.
    for (let n = 0; !this.#over || n < 10; n++) {
      const channel = channels[Math.floor(random() * channels.length)]!
      const data = `${index}:${n}`
      // Half of them are repeated until they are acknowledged, half are not.
      if (random() < 0.5) await this.#persist(node, channel, data)
      else await this.#attempt(node, channel, data)
      await sleep(random() * 6)
    }
  }

  async #persist(node: RedisBackplane, channel: string, data: string): Promise<void> {
    // Of its own for each run, as several may share a namespace.
    while (!(await this.#attempt(node, channel, data, `${this.#seed}:${data}`))) await sleep(20)
  }

  async #attempt(node: RedisBackplane, channel: string, data: string, idempotencyKey?: string): Promise<boolean> {
    const pending = this.#pending.get(node)!
    const attempt = { data }
    pending.add(attempt)
    try {
      const { seq } = await node.publish(channel, { type: 'log', data }, { retain: true, idempotencyKey })
      this.acknowledged.push({ channel, data, seq: seq! })
      return true
    } catch (error) {
      expect(error).toMatchObject({ code: 'RIVULET_BACKPLANE_UNAVAILABLE' })
      return false
    } finally {
      pending.delete(attempt)
    }
  }
}

/** Subscribes as soon as Redis answers in time. */
async function subscribed(node: RedisBackplane, channel: string, recorder: Recorder): Promise<void> {
  try {
    await node.subscribe(channel, recorder)
  } catch (error) {
    expect(error).toMatchObject({ code: 'RIVULET_BACKPLANE_UNAVAILABLE' })
    await subscribed(node, channel, recorder)
  }
}
