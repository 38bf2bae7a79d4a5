import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Awaitable, Backplane, BackplaneRegistry, RegistryEntry, Retention } from '@rivulet/server'
import { RecordingSubscriber } from './recording-subscriber.js'
import { type RunsUnderTest, runChecks } from './run-checks.js'

/** Two nodes on one store: each passes on the other's events. A backplane of one process may serve as both. */
export interface BackplaneUnderTest {
  readonly one: Backplane
  readonly other: Backplane
  /** Frees everything, including the store's contents. */
  dispose(): Awaitable<void>
}

/** Makes a backplane with an empty store of its own. */
export type CreateBackplane = (options: { retention: Retention }) => Awaitable<BackplaneUnderTest>

/** One check that every backplane must pass. */
export interface BackplaneCheck {
  readonly name: string
  /**
   * @param context The test context of Vitest or `node:test`. With it, a check of an extension that this backplane lacks is
   *   reported as skipped, with the reason.
   * @throws {AssertionError} (by rejecting) if the backplane does not pass.
   */
  run(context?: { skip?(reason: string): unknown }): Promise<void>
}

/**
 * The checks that a backplane must pass to keep Rivulet's promise. They run under any test runner.
 *
 * @example
 * for (const { name, run } of backplaneChecks(create)) it(name, run)
 */
export function backplaneChecks(create: CreateBackplane): readonly BackplaneCheck[] {
  const ofRuns = Object.entries(runChecks).map(([name, check]) => ({ name: `runs: ${name}`, check: withRuns(check) }))
  const all = [...Object.entries(checks).map(([name, check]) => ({ name, ...check })), ...ofRuns]
  return all.map(({ name, retention = {}, check }: Check & { name: string }) => ({
    name,
    async run(context = undefined) {
      const backplanes = await create({ retention })
      try {
        const reason = await check(backplanes)
        if (typeof reason === 'string') context?.skip?.(reason)
      } finally {
        await backplanes.dispose()
      }
    },
  }))
}

interface Check {
  readonly retention?: Retention
  /** Resolves with the reason for skipping, if the check does not apply to this backplane. */
  readonly check: (backplanes: BackplaneUnderTest) => Promise<unknown>
}

function withRuns(check: (backplanes: RunsUnderTest) => Promise<void>): Check['check'] {
  return async ({ one, other }) => {
    if (!one.runs || !other.runs) return 'This backplane has no runs.'
    await check({ one, other, runs: one.runs, others: other.runs })
  }
}

const kept = { retain: true } as const
const text = (data: string) => ({ type: 'log', data })

/** Publishes data in turn by both nodes, and returns the positions. */
async function publishAll({ one, other }: BackplaneUnderTest, channel: string, data: readonly string[]) {
  const positions: number[] = []
  for (const [index, item] of data.entries()) {
    const { position } = await (index % 2 ? other : one).publish(channel, text(item), kept)
    positions.push(position!)
  }
  return positions
}

function rises(positions: readonly number[]): boolean {
  return positions.every((position, index) => index === 0 || position > positions[index - 1]!)
}

/** Longer than a check takes. */
const longMs = 60_000
type Three = [RegistryEntry, RegistryEntry, RegistryEntry]

function entry(channel: string, connectionId: string): RegistryEntry {
  return { channel, connectionId, member: `{"name":"${connectionId}"}` }
}

function byConnection(one: RegistryEntry, other: RegistryEntry): number {
  return one.connectionId < other.connectionId ? -1 : 1
}

async function membersOf(registry: BackplaneRegistry, channel: string): Promise<RegistryEntry[]> {
  const members = [...(await registry.members(channel))].sort(byConnection)
  if (registry.count) equal(await registry.count(channel), members.length, 'as many are counted as there are')
  return members
}

async function nodesOf(registry: BackplaneRegistry): Promise<string[]> {
  return (await registry.nodes()).map(({ id, connections }) => `${id}: ${connections}`).sort()
}

async function evictAll(registry: BackplaneRegistry, node: string, caller: string): Promise<RegistryEntry[]> {
  const all: RegistryEntry[] = []
  for (;;) {
    const some = await registry.evict(node, caller)
    if (some.length === 0) return all
    all.push(...some)
  }
}

function soon(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1))
}

const checks: Record<string, Check> = {
  'assigns positions that increase across all channels and nodes': {
    async check(backplanes) {
      const positions: number[] = []
      for (let round = 0; round < 20; round++)
        positions.push(...(await publishAll(backplanes, `c${round % 3}`, ['1', '2'])))
      ok(rises(positions), String(positions))
      ok(positions.every(Number.isSafeInteger))
    },
  },

  'stores events with the previous position on their channel': {
    async check(backplanes) {
      const [first, second] = await publishAll(backplanes, 'a', ['1', '2'])
      await publishAll(backplanes, 'b', ['else'])
      const [third] = await publishAll(backplanes, 'a', ['3'])
      for (const node of [backplanes.one, backplanes.other]) {
        const { messages, continuous, lastPosition, storedPosition } = await node.read('a', first!, 10)
        deepEqual(
          messages.map(({ type, data, position, previous }) => ({ type, data, position, previous })),
          [
            { type: 'log', data: '2', position: second, previous: first },
            { type: 'log', data: '3', position: third, previous: second },
          ],
        )
        deepEqual({ continuous, lastPosition }, { continuous: true, lastPosition: third })
        ok(storedPosition >= third!)
      }
    },
  },

  'reads from any position, up to a limit': {
    async check(backplanes) {
      const positions = await publishAll(backplanes, 'a', ['1', '2', '3', '4'])
      const data = async (after: number, limit: number) =>
        (await backplanes.other.read('a', after, limit)).messages.map((message) => message.data)
      deepEqual(await data(positions[0]!, 2), ['2', '3'])
      deepEqual(await data(positions[1]! + 1, 10), positions[1]! + 1 < positions[2]! ? ['3', '4'] : ['4'])
      deepEqual(await data(positions[3]!, 10), [])
      deepEqual(await data(0, 0), [])
    },
  },

  'confirms continuity if nothing is missing': {
    async check(backplanes) {
      const { one, other } = backplanes
      const { storedPosition } = await one.read('a', 0, 0)
      equal((await other.read('a', storedPosition, 10)).continuous, true, 'a channel without events, from now on')
      const positions = await publishAll(backplanes, 'a', ['1', '2'])
      equal((await other.read('a', storedPosition, 10)).continuous, true, 'from before the first event')
      equal((await other.read('a', positions[0]!, 10)).continuous, true, 'after the first event')
      equal((await other.read('a', positions[1]!, 10)).continuous, true, 'after the last event')
      const [elsewhere] = await publishAll(backplanes, 'b', ['3'])
      equal((await other.read('a', elsewhere!, 10)).continuous, true, 'after the last event of another channel')
    },
  },

  'claims no continuity for unknown times': {
    async check(backplanes) {
      const unknown = await backplanes.one.read('a', 1, 10)
      deepEqual([unknown.continuous, unknown.reason], [false, 'restarted'])
      await publishAll(backplanes, 'a', ['1'])
      const { continuous, reason } = await backplanes.one.read('a', 1, 10)
      deepEqual([continuous, reason], [false, 'restarted'])
    },
  },

  'reports that events were trimmed, and returns the rest': {
    retention: { maxEvents: 5 },
    async check(backplanes) {
      // A store may trim late, but not far above its bound.
      const data = Array.from({ length: 1000 }, (_, index) => String(index))
      const positions = await publishAll(backplanes, 'a', data)
      const { messages, continuous, reason } = await backplanes.other.read('a', positions[0]!, 1000)
      deepEqual([continuous, reason], [false, 'trimmed'])
      ok(messages.length >= 5 && messages.length < 999, `${messages.length} events are kept`)
      deepEqual(
        messages.map((message) => message.data),
        data.slice(-messages.length),
      )
      equal((await backplanes.other.read('a', positions[996]!, 10)).continuous, true)
    },
  },

  'keeps only the last event if retention is latest': {
    retention: 'latest',
    async check(backplanes) {
      const positions = await publishAll(backplanes, 'a', ['1', '2', '3'])
      const { messages, continuous } = await backplanes.one.read('a', positions[0]!, 10)
      deepEqual([messages.map((message) => message.data), continuous], [['3'], false])
      equal((await backplanes.one.read('a', positions[1]!, 10)).continuous, true)
      equal(await backplanes.one.seek('a', 1), positions[1])
    },
  },

  'knows the last position of a channel after its events are gone, whatever other channels do': {
    retention: { maxAgeMs: 20 },
    async check(backplanes) {
      const { one, other } = backplanes
      const subscriber = new RecordingSubscriber()
      await other.subscribe('a', subscriber)
      await other.subscribe('quiet', subscriber)
      const { storedPosition } = await other.read('quiet', 0, 0)
      const [first] = await publishAll(backplanes, 'a', ['1'])
      // Until every event so far is too old, and those of the other channels have been dropped too.
      for (let round = 0; (await other.read('a', 0, 1)).messages.length > 0 || round < 40; round++) {
        await publishAll(backplanes, `b${round}`, ['x'])
        await soon()
      }
      await publishAll(backplanes, 'c', ['x'])
      equal((await other.read('a', first!, 0)).continuous, true, 'a channel with a subscriber')
      equal((await other.read('quiet', storedPosition, 0)).continuous, true, 'one that never had an event')
      await one.publish('a', text('2'), kept)
      await one.publish('quiet', text('3'), kept)
      await subscriber.count(3)
      equal(subscriber.received[1]!.message.previous, first)
      ok(subscriber.received[2]!.message.previous! <= storedPosition)
    },
  },

  'marks the present by a position that no later event has': {
    async check(backplanes) {
      const { other } = backplanes
      const before = await other.read('a', 0, 0)
      for (const deadline = Date.now() + 5_000; (await other.read('a', 0, 0)).clock === before.clock; ) {
        ok(Date.now() < deadline, 'it goes on within 5 s')
        await soon()
      }
      for (let tries = 0, apart = false; !apart; tries++) {
        ok(tries < 1_000, 'events of other channels do not move it')
        const before = await other.read('a', 0, 0)
        const last = (await publishAll(backplanes, 'b', ['1', '2', '3'])).at(-1)!
        const after = await other.read('a', 0, 0)
        ok(before.clock < last && before.clock <= after.clock)
        apart = after.clock < last
      }
    },
  },

  'forgets the events of a channel, and continues after them': {
    async check(backplanes) {
      const { one, other } = backplanes
      const subscriber = new RecordingSubscriber()
      await other.subscribe('a', subscriber)
      const positions = await publishAll(backplanes, 'a', ['1', '2', '3'])
      await publishAll(backplanes, 'b', ['else'])
      await one.forget('a')
      await one.forget('unknown')
      const { messages, continuous, reason } = await other.read('a', positions[0]!, 10)
      deepEqual({ messages, continuous, reason }, { messages: [], continuous: false, reason: 'trimmed' })
      equal((await other.read('a', positions[2]!, 10)).continuous, true, 'for who has all of it')
      await publishAll(backplanes, 'a', ['4'])
      await subscriber.count(4)
      equal(subscriber.received[3]!.message.previous, positions[2])
      deepEqual(
        (await other.read('a', positions[2]!, 10)).messages.map(({ data }) => data),
        ['4'],
      )
      deepEqual(
        (await other.read('b', 0, 10)).messages.map(({ data }) => data),
        ['else'],
      )
    },
  },

  'keeps nothing if retention is none, and delivers without a position': {
    retention: 'none',
    async check({ one, other }) {
      const subscriber = new RecordingSubscriber()
      await other.subscribe('a', subscriber)
      equal((await one.publish('a', text('1'), kept)).position, undefined)
      await subscriber.count(1)
      equal(subscriber.received[0]!.message.position, undefined)
      deepEqual((await one.read('a', 0, 10)).messages, [])
    },
  },

  'finds the position before the last events': {
    async check(backplanes) {
      const positions = await publishAll(backplanes, 'a', ['1', '2', '3'])
      const last = async (count: number) => {
        const after = await backplanes.other.seek('a', count)
        const { messages, continuous } = await backplanes.other.read('a', after, 10)
        return [messages.map((message) => message.data), continuous]
      }
      equal(await backplanes.other.seek('a', 1), positions[1])
      deepEqual(await last(2), [['2', '3'], true])
      deepEqual(await last(10), [['1', '2', '3'], true])
      deepEqual((await backplanes.other.read('b', await backplanes.other.seek('b', 1), 10)).messages, [])
    },
  },

  'finds the position before the last events that are older than an event': {
    async check(backplanes) {
      const data = Array.from({ length: 150 }, (_, index) => String(index))
      const positions = await publishAll(backplanes, 'a', data.slice(0, 75))
      await publishAll(backplanes, 'b', ['else'])
      const burst = data.slice(75).map((item) => backplanes.one.publish('a', text(item), kept))
      positions.push(...(await Promise.all(burst)).map(({ position }) => position!))
      const older = async (index: number, count: number) => {
        const before = positions[index]!
        const after = await backplanes.other.seek('a', count, before)
        const { messages, continuous } = await backplanes.other.read('a', after, count)
        ok(continuous, 'a read from there misses nothing')
        return messages.filter(({ position }) => position < before).map((message) => message.data)
      }
      for (const index of [149, 148, 100, 76, 75, 74, 5, 1, 0]) {
        for (const count of [1, 2, 10, 64, 149, 1000]) {
          deepEqual(
            await older(index, count),
            data.slice(Math.max(0, index - count), index),
            `${count} before ${index}`,
          )
        }
      }
      equal(await backplanes.other.seek('a', 2, positions[100]! + 1), positions[98], 'between two events')
      equal(await backplanes.other.seek('a', 2, Number.MAX_SAFE_INTEGER), positions[147], 'before the future')
      deepEqual((await backplanes.other.read('c', await backplanes.other.seek('c', 5, positions[9]!), 10)).messages, [])
    },
  },

  'delivers events to the subscribers of their channel on every node, once and in order': {
    async check(backplanes) {
      const [one, other] = [new RecordingSubscriber(), new RecordingSubscriber()]
      for (const channel of ['a', 'b']) await backplanes.one.subscribe(channel, one)
      await backplanes.other.subscribe('a', other)
      const data = Array.from({ length: 100 }, (_, index) => String(index))
      for (const item of data) await publishAll(backplanes, Number(item) % 2 ? 'a' : 'b', [item])
      await publishAll(backplanes, 'c', ['nobody has this'])
      await publishAll(backplanes, 'a', ['end'])
      await one.count(101)
      await other.count(51)
      deepEqual(one.data(), [...data, 'end'])
      deepEqual(other.data(), [...data.filter((item) => Number(item) % 2), 'end'])
      ok(rises(one.received.map(({ message }) => message.position!)))
      const chain = other.received.map(({ message }) => message)
      ok(
        chain.every(({ previous }, index) => index === 0 || previous === chain[index - 1]!.position),
        'previous is the one before it',
      )
    },
  },

  'stores an event before anyone receives it': {
    async check({ one, other }) {
      const subscriber = new RecordingSubscriber()
      const reads: Awaitable<{ messages: readonly { data: string }[]; storedPosition: number }>[] = []
      subscriber.onEach = (channel, { previous }) => reads.push(other.read(channel, previous!, 1))
      await other.subscribe('a', subscriber)
      await Promise.all(['1', '2', '3'].map((data) => one.publish('a', text(data), kept)))
      await subscriber.count(3)
      const found = await Promise.all(reads)
      deepEqual(
        found.map(({ messages }) => messages[0]?.data),
        subscriber.data(),
      )
      ok(found.every(({ storedPosition }, index) => storedPosition >= subscriber.received[index]!.message.position!))
    },
  },

  'delivers everything that is missing in a read after subscribing': {
    async check({ one, other }) {
      const subscriber = new RecordingSubscriber()
      const published: Promise<unknown>[] = []
      const publish = async (data: string) => published.push(Promise.resolve(one.publish('a', text(data), kept)))
      for (let index = 0; index < 50; index++) await publish(String(index))
      const subscribed = other.subscribe('a', subscriber)
      for (let index = 50; index < 100; index++) await publish(String(index))
      await subscribed
      const read = await other.read('a', 0, 1000)
      for (let index = 100; index < 150; index++) await publish(String(index))
      await Promise.all(published)
      await one.publish('a', text('end'), kept)
      while (!subscriber.data().includes('end')) await subscriber.count(subscriber.received.length + 1)
      const live = subscriber.received.filter(({ message }) => message.position! > read.storedPosition)
      const all = [...read.messages, ...live.map(({ message }) => message)].map(({ data }) => data)
      deepEqual(all, [...Array.from({ length: 150 }, (_, index) => String(index)), 'end'])
    },
  },

  'delivers the events of all channels in one order, to all subscribers': {
    async check(backplanes) {
      const { other } = backplanes
      const order: number[] = []
      const subscribers = ['a', 'b'].map((channel) => {
        const subscriber = new RecordingSubscriber()
        subscriber.onEach = (_, { position }) => order.push(position!)
        return { channel, subscriber }
      })
      for (const { channel, subscriber } of subscribers) await other.subscribe(channel, subscriber)
      for (let round = 0; round < 30; round++) await publishAll(backplanes, round % 3 ? 'a' : 'b', ['1', '2'])
      await Promise.all(subscribers.map(({ channel, subscriber }) => subscriber.count(channel === 'a' ? 40 : 20)))
      ok(rises(order), String(order))
    },
  },

  'delivers nothing after unsubscribing': {
    async check({ one, other }) {
      const [leaver, stayer] = [new RecordingSubscriber(), new RecordingSubscriber()]
      for (const subscriber of [leaver, stayer]) await other.subscribe('a', subscriber)
      await one.publish('a', text('1'), kept)
      await leaver.count(1)
      await other.unsubscribe('a', leaver)
      await one.publish('a', text('2'), kept)
      await stayer.count(2)
      deepEqual(leaver.data(), ['1'])
    },
  },

  'carries out subscribe and unsubscribe in the order of the calls': {
    async check({ one, other }) {
      const subscriber = new RecordingSubscriber()
      for (let round = 0; round < 20; round++) {
        const calls = [
          other.subscribe('a', subscriber),
          other.unsubscribe('a', subscriber),
          other.subscribe('a', subscriber),
        ]
        await Promise.all(calls)
        await one.publish('a', text(String(round)), kept)
        await subscriber.count(round + 1)
        await other.unsubscribe('a', subscriber)
      }
    },
  },

  'neither stores nor numbers live-only events': {
    async check(backplanes) {
      const { one, other } = backplanes
      const subscriber = new RecordingSubscriber()
      await other.subscribe('a', subscriber)
      const [first] = await publishAll(backplanes, 'a', ['1'])
      equal((await one.publish('a', text('live'), { retain: false })).position, undefined)
      await one.publish('a', text('2'), kept)
      await subscriber.count(3)
      deepEqual(subscriber.data(), ['1', 'live', '2'])
      equal(subscriber.received[1]!.message.position, undefined)
      equal(subscriber.received[2]!.message.previous, first)
      const { messages, continuous } = await other.read('a', first!, 10)
      deepEqual([messages.map((message) => message.data), continuous], [['2'], true])
    },
  },

  'publishes once for an idempotency key, channel by channel': {
    async check({ one, other }) {
      const subscriber = new RecordingSubscriber()
      for (const channel of ['a', 'b']) await other.subscribe(channel, subscriber)
      const first = await one.publish('a', text('1'), { retain: true, idempotencyKey: 'k' })
      const again = await other.publish('a', text('2'), { retain: true, idempotencyKey: 'k' })
      deepEqual([first.duplicate, again], [false, { position: first.position, duplicate: true }])
      equal((await one.publish('b', text('3'), { retain: true, idempotencyKey: 'k' })).duplicate, false)
      equal((await one.publish('a', text('4'), { retain: false, idempotencyKey: 'l' })).duplicate, false)
      equal((await other.publish('a', text('5'), { retain: false, idempotencyKey: 'l' })).duplicate, true)
      await one.publish('a', text('end'), kept)
      await subscriber.count(4)
      deepEqual(subscriber.data(), ['1', '3', '4', 'end'])
    },
  },

  'carries any text unchanged': {
    async check({ one, other }) {
      const subscriber = new RecordingSubscriber()
      await other.subscribe('käse:{1}|*', subscriber)
      const samples = ['', '{"a":"\\n"}', 'ünïcödé 漢字 🜚', '|:\0\r\n', 'x'.repeat(300_000)]
      for (const sample of samples) await one.publish('käse:{1}|*', { type: 'ereignis ✓', data: sample }, kept)
      await subscriber.count(samples.length)
      deepEqual(subscriber.data(), samples)
      const { messages } = await other.read('käse:{1}|*', 0, 10)
      deepEqual(
        messages.map(({ data }) => data),
        samples,
      )
      ok(messages.every(({ type }) => type === 'ereignis ✓'))
    },
  },

  'shows the members of a channel on every node, until they are removed': {
    async check({ one, other }) {
      if (!one.registry || !other.registry) return
      await one.registry.beat('n1', { connections: 2, ttlMs: longMs })
      await other.registry.beat('n2', { connections: 1, ttlMs: longMs })
      const [ada, bob, cleo] = ['n1-a', 'n1-b', 'n2-c'].map((id) => entry('käse: {1}|*', id)) as Three
      equal(await one.registry.update('n1', [ada, bob, entry('other', 'n1-a')]), true)
      equal(await other.registry.update('n2', [cleo]), true)
      for (const { registry } of [one, other]) {
        deepEqual(await membersOf(registry!, ada.channel), [ada, bob, cleo])
        deepEqual(await membersOf(registry!, 'other'), [entry('other', 'n1-a')])
        deepEqual(await membersOf(registry!, 'elsewhere'), [])
      }
      const renamed = { ...ada, member: '{"name":"Ada ✓"}' }
      equal(await one.registry.update('n1', [renamed, { ...bob, member: undefined }]), true)
      deepEqual(await membersOf(other.registry, ada.channel), [renamed, cleo])
    },
  },

  'lists the live nodes, and tells a node if it is unknown': {
    async check({ one, other }) {
      if (!one.registry || !other.registry) return
      equal(await one.registry.update('n1', [entry('a', 'n1-a')]), false, 'who has not beaten')
      deepEqual(await one.registry.beat('n1', { connections: 3, ttlMs: longMs }), { known: false, lapsed: [] })
      equal(await one.registry.update('n1', [entry('a', 'n1-a')]), true)
      deepEqual(await one.registry.beat('n1', { connections: 4, ttlMs: longMs }), { known: true, lapsed: [] })
      await other.registry.beat('n2', { connections: 1, ttlMs: longMs })
      deepEqual(await nodesOf(other.registry), ['n1: 4', 'n2: 1'])
      await other.registry.beat('n2', { connections: 0, ttlMs: 0 })
      deepEqual(await nodesOf(one.registry), ['n1: 4'])
    },
  },

  'forgets a node without a heartbeat, and returns each of its entries to one caller': {
    async check({ one, other }) {
      if (!one.registry || !other.registry) return
      const left = Array.from({ length: 600 }, (_, index) => entry(`c${index % 7}`, `n1-${index}`))
      await one.registry.beat('n1', { connections: 600, ttlMs: longMs })
      await one.registry.update('n1', left)
      await one.registry.beat('n1', { connections: 600, ttlMs: 1 })
      while ((await nodesOf(one.registry)).length > 0) await soon()
      deepEqual(await membersOf(one.registry, 'c1'), [])
      equal(await one.registry.update('n1', [entry('a', 'n1-a')]), false)
      const { lapsed } = await other.registry.beat('n2', { connections: 0, ttlMs: longMs })
      deepEqual(lapsed, ['n1'])
      const evicted = await Promise.all([evictAll(other.registry, 'n1', 'n2'), evictAll(one.registry, 'n1', 'n3')])
      deepEqual(evicted.flat().sort(byConnection), left.sort(byConnection))
      deepEqual((await other.registry.beat('n2', { connections: 0, ttlMs: longMs })).lapsed, [])
    },
  },

  'evicts a live node only at its own request': {
    async check({ one, other }) {
      if (!one.registry || !other.registry) return
      await one.registry.beat('n1', { connections: 1, ttlMs: longMs })
      await one.registry.update('n1', [entry('a', 'n1-a')])
      deepEqual(await evictAll(other.registry, 'n1', 'n2'), [])
      deepEqual(await membersOf(other.registry, 'a'), [entry('a', 'n1-a')])
      deepEqual(await evictAll(one.registry, 'n1', 'n1'), [entry('a', 'n1-a')])
      deepEqual(await membersOf(other.registry, 'a'), [])
      equal(await one.registry.update('n1', [entry('a', 'n1-b')]), true)
    },
  },
}
