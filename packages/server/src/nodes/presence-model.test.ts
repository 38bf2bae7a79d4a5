import { describe, expect, it } from 'vitest'
import { randomFrom } from '../../../../test-support/random.js'
import { SimulatedClock, settle } from '../../test/simulation.js'
import { MemoryRegistry } from '../backplane/memory-registry.js'
import type { BackplaneRegistry, RegistryEntry } from '../backplane/registry.js'
import type { ConnectionInfo } from '../runtime/connection-info.js'
import type { Runtime } from '../runtime/runtime.js'
import { Presence } from './presence.js'

/** `npm run test:long` asks for many more. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 100)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)
const channels = ['a', 'b', 'c']
const nodeTimeoutMs = 9_000

/** A registry that fails before or after it did what it was asked to, and sometimes loses everything. */
class FlakyRegistry {
  failing = false
  readonly #random: () => number
  readonly #now: () => number
  #inner: MemoryRegistry

  constructor(random: () => number, now: () => number) {
    this.#random = random
    this.#now = now
    this.#inner = new MemoryRegistry(now)
  }

  membersOf(channel: string): readonly RegistryEntry[] {
    return this.#inner.members(channel)
  }

  wipe(): void {
    this.#inner = new MemoryRegistry(this.#now)
  }

  /** The registry as one node sees it: answers come later, or not at all. */
  faceFor(node: string): BackplaneRegistry {
    /** An answer was lost: the node cannot know what the registry has. */
    let unsure = false
    const answer = async <T>(action: () => T, losesAnswers = true): Promise<T> => {
      await null
      if (this.failing && this.#random() < 0.5) throw new Error('lost on the way there')
      const result = action()
      if (losesAnswers && this.failing && this.#random() < 0.5) {
        unsure = true
        throw new Error('lost on the way back')
      }
      return result
    }
    return {
      beat: (id, state) =>
        answer(() => {
          const { known, lapsed } = this.#inner.beat(id, state)
          return { known: known && !unsure, lapsed }
        }).then((result) => {
          unsure = false
          return result
        }),
      update: (...args) => answer(() => this.#inner.update(...args)),
      members: (...args) => this.#inner.members(...args),
      nodes: () => this.#inner.nodes(),
      // A node that does not get the answer cannot announce who left.
      evict: (...args) => answer(() => this.#inner.evict(...args), args[0] === node),
    }
  }
}

/** Plays one schedule of streams, nodes that stop and go on, and a registry that fails. */
async function play(seed: number): Promise<void> {
  const random = randomFrom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  let now = 0
  const registry = new FlakyRegistry(random, () => now)
  /** The last change announced for each stream and channel, by any node: true for a join. */
  const present = new Map<string, boolean>()
  const nodes = [0, 1, 2].map((index) => {
    const clock = new SimulatedClock(random)
    const streams = new Map<string, ConnectionInfo>()
    const runtime = { clock, report() {} } as unknown as Runtime
    const presence = new Presence(runtime, registry.faceFor(`n${index}`), {
      node: `n${index}`,
      connections: () => streams.size,
      options: {
        nodeTimeoutMs,
        onChange: ({ change, channel, member }) =>
          void present.set(`${member.connectionId} ${channel}`, change === 'join'),
      },
    })
    return { clock, streams, presence, stopped: false }
  })
  let lastId = 0
  const actions = [
    () => {
      const { streams, presence } = nodes[below(3)]!
      const id = `c${lastId++}`
      const stream = {
        id,
        channels: channels.filter(() => random() < 0.5),
        connectedAt: now,
      } as unknown as ConnectionInfo
      streams.set(id, stream)
      presence.begin()
      presence.join(stream, JSON.stringify(id))
    },
    () => {
      const { streams, presence } = nodes[below(3)]!
      const stream = [...streams.values()][below(streams.size)]
      if (!stream) return
      streams.delete(stream.id)
      presence.leave(stream)
    },
    () => {
      const node = nodes[below(3)]!
      node.stopped = !node.stopped
    },
    () => {
      registry.failing = !registry.failing
    },
    () => {
      if (random() < 0.1) registry.wipe()
    },
  ]
  const pass = async (ms: number) => {
    now += ms
    for (const { clock, stopped } of nodes) if (!stopped) clock.advance(ms)
    await settle()
  }
  for (let step = 0; step < 200; step++) {
    actions[below(actions.length)]!()
    if (random() < 0.5) await pass(below(2_000))
  }
  // All is well again, and the time passes that they need to find out.
  registry.failing = false
  for (const node of nodes) node.stopped = false
  for (let ms = 0; ms < 3 * nodeTimeoutMs; ms += 1_000) await pass(1_000)

  const expected = nodes.flatMap(({ streams }) =>
    [...streams.values()].flatMap(({ id, channels }) => channels.map((name) => `${id} ${name}`)),
  )
  const shown = channels.flatMap((name) =>
    registry.membersOf(name).map(({ connectionId }) => `${connectionId} ${name}`),
  )
  expect(shown.sort()).toEqual(expected.sort())
  const told = [...present].filter(([, there]) => there).map(([key]) => key)
  expect(told.sort()).toEqual(expected.sort())
}

describe('after any faults, presence shows exactly those present, and announced exactly that', () => {
  for (let from = firstSeed; from < firstSeed + seeds; from += 100) {
    const to = Math.min(from + 100, firstSeed + seeds)
    it(`seeds ${from} to ${to - 1}`, { timeout: 60_000 }, async () => {
      for (let seed = from; seed < to; seed++) {
        await play(seed).catch((error) => {
          throw new Error(`RIVULET_SEED=${seed}`, { cause: error })
        })
      }
    })
  }
})
