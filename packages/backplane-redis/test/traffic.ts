import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { randomFrom } from '../../../test-support/random.js'
import { Recorder } from '../../../test-support/recorder.js'
import type { RedisBackplane } from '../src/redis-backplane.js'
import { type Acknowledged, check, type Expected } from './check.js'

const channels = ['a', 'b', 'c']

/** All nodes publish on some channels and hear them all, while something happens to their Redis. */
export class Traffic {
  readonly acknowledged: Acknowledged[] = []
  readonly #seed: number
  readonly #nodes: readonly RedisBackplane[]
  readonly #pending: ReadonlyMap<RedisBackplane, Set<{ readonly data: string }>>
  readonly #leftPending: { readonly data: string }[] = []
  /** The only node that publishes; `undefined` while all do. */
  #only: number | undefined
  #over = false

  private constructor(nodes: readonly RedisBackplane[], seed: number) {
    this.#seed = seed
    this.#nodes = nodes
    this.#pending = new Map(nodes.map((node) => [node, new Set()]))
  }

  /** Lets `strike` do its work, and checks what every node was told of all that was acknowledged. */
  static async through(
    nodes: readonly RedisBackplane[],
    { seed, ...expected }: { seed: number } & Expected,
    strike: (traffic: Traffic) => Promise<void>,
  ): Promise<void> {
    const traffic = new Traffic(nodes, seed)
    const recorders = await Promise.all(nodes.map((node) => traffic.#record(node)))
    const publishing = nodes.map((_, index) => traffic.#publish(index))
    await strike(traffic)
    traffic.#over = true
    await Promise.all(publishing)
    for (const channel of channels) await traffic.#persist(0, channel, `end ${channel}`)
    for (const recorder of recorders) {
      await recorder.until(({ data }) => channels.every((channel) => data.includes(`end ${channel}`)))
      check(recorder.entries, traffic.acknowledged, expected)
    }
    expect(traffic.#leftPending, 'publishing that went on waiting after the outage was noticed').toEqual([])
  }

  /** Resolves when some more events were acknowledged: there is something to lose, and no outage. */
  async more(): Promise<void> {
    const enough = this.acknowledged.length + 12
    while (this.acknowledged.length < enough) await sleep(5)
  }

  /** Has one node alone publish for a while. */
  async only(index: number, action: () => Promise<void>): Promise<void> {
    this.#only = index
    await action()
    this.#only = undefined
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

  async #publish(index: number): Promise<void> {
    const random = randomFrom(this.#seed * 100 + index)
    // Some come in any case, however slow the machine is.
    for (let n = 0; !this.#over || n < 10; n++) {
      while (this.#only !== undefined && this.#only !== index) await sleep(5)
      const channel = channels[Math.floor(random() * channels.length)]!
      const data = `${index}:${n}`
      // Half of them are repeated until they are acknowledged, half are not.
      if (random() < 0.5) await this.#persist(index, channel, data)
      else await this.#attempt(index, channel, data, performance.now())
      await sleep(random() * 6)
    }
  }

  async #persist(index: number, channel: string, data: string): Promise<void> {
    const begunAt = performance.now()
    // Of its own for each run, as several may share a namespace.
    while (!(await this.#attempt(index, channel, data, begunAt, `${this.#seed}:${data}`))) await sleep(20)
  }

  async #attempt(
    index: number,
    channel: string,
    data: string,
    begunAt: number,
    idempotencyKey?: string,
  ): Promise<boolean> {
    const node = this.#nodes[index]!
    const pending = this.#pending.get(node)!
    const attempt = { data }
    pending.add(attempt)
    try {
      const { position } = await node.publish(channel, { type: 'log', data }, { retain: true, idempotencyKey })
      this.acknowledged.push({ channel, data, position: position!, begunAt, by: index })
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
