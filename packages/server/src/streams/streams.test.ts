import { defineEvents } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { randomFrom } from '../../../../test-support/random.js'
import { createHarness } from '../../test/harness.js'
import { LateBackplane, SimulatedClock, SimulatedSink, settle } from '../../test/simulation.js'
import { controlEventsOf, dataOf } from '../../test/stream-client.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { EventManager } from '../event-manager.js'
import { ManagerClosedError } from '../runtime/errors.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

const seeds = Math.ceil(Number(process.env.RIVULET_SEEDS ?? 200) / 2)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)

/** Every step of letting in: a fault may be one microtask wide, anywhere between them. */
const steps = Array.from({ length: 40 }, (_, index) => index)

async function microtasks(count: number): Promise<void> {
  for (let tick = 0; tick < count; tick++) await null
}

/** Lets somebody in, and does something so many microtasks later. */
const letInAnd = (count: number, act: () => unknown) => (): true => {
  void microtasks(count).then(act)
  return true
}

describe('while a stream is being opened', () => {
  it.each(steps)('a disconnect %i microtasks after its authorization ends it', async (count) => {
    const { manager, connect, calm } = createHarness({ events })
    const revoke = letInAnd(count, () => manager.disconnect({ channel: 'a' }, 'revoked'))
    const { sink } = await connect({ channels: ['a'], authorize: revoke })
    await calm()
    expect(sink.closed).toBe(true)
    expect(manager.stats()).toMatchObject({ connections: 0, pendingAdmissions: 0, cohorts: 0 })
  })

  it.each(steps)('close() %i microtasks after its authorization ends it, and resolves', async (count) => {
    const { manager, connect, calm, clock } = createHarness({ events })
    let closed = false
    const close = letInAnd(count, async () => {
      await manager.close()
      closed = true
    })
    const { sink } = await connect({ authorize: close })
    clock.advance(3_000)
    await calm()
    expect({ closed, over: sink.closed, open: manager.connections.size }).toEqual({ closed: true, over: true, open: 0 })
  })

  it.each(steps)('the last other stream of its channels may leave %i microtasks after it', async (count) => {
    const { manager, connect, calm } = createHarness({ events })
    await connect({ channels: ['a'] })
    await connect({ channels: ['b'] })
    const { messages } = await connect({ channels: ['a', 'b'] })
    const { connectionId } = controlEventsOf(messages)[0] as { connectionId: string }
    const leave = letInAnd(count, () => manager.disconnect({ connectionId }, 'bye'))
    const client = await connect({ channels: ['a', 'b'], authorize: leave })
    await manager.publish('log', { message: 'hello' }, { channel: 'a' })
    await calm()
    expect(dataOf(client.messages, 'log')).toHaveLength(1)
  })
})

const channelSets = [['a'], ['b'], ['a', 'b']] as const

interface Client {
  readonly channels: readonly string[]
  readonly sink: SimulatedSink
  text: string
}

/** Streams that come, are disconnected and leave, events, and the end of the manager: each at any microtask between the others. */
class Crowd {
  readonly clients: Client[] = []
  readonly errors: unknown[] = []
  readonly manager: EventManager<typeof events>
  readonly #random: () => number
  readonly #clock: SimulatedClock

  constructor(seed: number) {
    this.#random = randomFrom(seed)
    this.#clock = new SimulatedClock(this.#random)
    const memory = new MemoryBackplane({ clock: this.#clock })
    this.manager = new EventManager({
      events,
      clock: this.#clock,
      backplane: this.#chance(0.3) ? new LateBackplane(memory, this.#clock) : memory,
      limits: { maxConnections: 50, maxConnectionsPerKey: 50 },
      onError: (error) => this.errors.push(error),
    })
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }

  #upTo(bound: number): number {
    return Math.floor(this.#random() * bound)
  }

  #maybeLater<T>(value: T): T | Promise<T> {
    return this.#chance(0.5) ? value : microtasks(this.#upTo(4)).then(() => value)
  }

  #connect(): void {
    const channels = channelSets[this.#upTo(3)]!
    const client: Client = { channels, sink: new SimulatedSink(this.#clock, 1e6), text: '' }
    client.sink.onWrite = (text) => {
      client.text += text
    }
    this.clients.push(client)
    void this.manager.connect({ raw: undefined, lastEventId: undefined }, client.sink, {
      authorize: () => this.#maybeLater({ context: {}, key: 'everyone' }),
      channels: () => this.#maybeLater(channels),
      ...(this.#chance(0.5) && { presence: () => this.#maybeLater({}) }),
      ...(this.#chance(0.3) && { snapshot: () => this.#maybeLater({ events: [] }) }),
    })
  }

  #act(): void {
    const dice = this.#random()
    const channel = this.#chance(0.5) ? 'a' : 'b'
    if (dice < 0.35) this.#connect()
    else if (dice < 0.55) this.manager.emit('log', { message: 'something' }, { channel })
    else if (dice < 0.7) this.manager.disconnect({ channel }, 'revoked')
    else if (dice < 0.8) this.manager.disconnectEverywhere({ key: 'everyone' }, 'revoked').catch(() => {})
    else if (dice < 0.9) this.clients[this.#upTo(this.clients.length)]?.sink.destroy()
    else this.#clock.turn()
  }

  async round(): Promise<void> {
    const acts = Array.from({ length: 8 }, () => microtasks(this.#upTo(25)).then(() => this.#act()))
    await Promise.all(acts)
    if (this.#chance(0.5)) this.#clock.turn()
    await settle()
  }

  async calm(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      await settle()
      if (!this.#clock.idle) quiet = 0
      this.#clock.turn()
      for (const { sink } of this.clients) sink.take(Infinity)
    }
  }

  get open(): Client[] {
    return this.clients.filter(({ sink, text }) => !sink.closed && text !== '')
  }

  /** Closes the manager while others still act. Returns whether it resolved. */
  async close(): Promise<boolean> {
    let closed = false
    void microtasks(this.#upTo(20))
      .then(() => this.manager.close())
      .then(() => {
        closed = true
      })
    if (this.#chance(0.5))
      for (let count = 0; count < 3; count++) void microtasks(this.#upTo(20)).then(() => this.#act())
    for (let wait = 0; wait < 2; wait++) {
      await this.calm()
      this.#clock.advance(5_000)
    }
    await this.calm()
    return closed
  }
}

async function play(seed: number): Promise<void> {
  const crowd = new Crowd(seed)
  const { manager } = crowd
  for (let count = 0; count < 6; count++) await crowd.round()
  await crowd.calm()
  const { open } = crowd
  expect(manager.stats()).toMatchObject({ connections: open.length, pendingAdmissions: 0 })
  for (const channel of ['a', 'b']) manager.emit('log', { message: `last of ${channel}` }, { channel })
  await crowd.calm()
  for (const { channels, text } of open) {
    for (const channel of channels) expect(text).toContain(`last of ${channel}`)
  }
  expect(await crowd.close()).toBe(true)
  expect(manager.stats()).toMatchObject({ connections: 0, pendingAdmissions: 0, cohorts: 0 })
  expect(crowd.errors.filter((error) => !(error instanceof ManagerClosedError))).toEqual([])
}

it(`loses no stream, event or slot in ${seeds} random orders of microtasks`, { timeout: 3_600_000 }, async () => {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    try {
      await play(seed)
    } catch (error) {
      throw new Error(`Seed ${seed} failed; run it alone by RIVULET_SEED=${seed} RIVULET_SEEDS=2.`, { cause: error })
    }
  }
})
