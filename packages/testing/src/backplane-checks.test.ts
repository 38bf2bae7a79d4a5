import {
  type Backplane,
  type BackplaneRegistry,
  MemoryBackplane,
  type RegistryEntry,
  type RunStore,
} from '@rivulet/server'
import { describe, expect, it } from 'vitest'
import { backplaneChecks } from './backplane.js'

describe('MemoryBackplane', () => {
  const checks = backplaneChecks(({ retention }) => {
    const backplane = new MemoryBackplane({ retention })
    return { one: backplane, other: backplane, dispose: () => backplane.close() }
  })
  for (const { name, run } of checks) it(name, run)
})

function withRegistry(registry: BackplaneRegistry, overrides: Partial<BackplaneRegistry>): BackplaneRegistry {
  return {
    beat: (...args) => registry.beat(...args),
    update: (...args) => registry.update(...args),
    members: (...args) => registry.members(...args),
    nodes: () => registry.nodes(),
    evict: (...args) => registry.evict(...args),
    ...overrides,
  }
}

function withRuns(inner: MemoryBackplane, overrides: (runs: RunStore) => Partial<RunStore>): Partial<Backplane> {
  const { runs } = inner
  const honest: RunStore = {
    create: (...args) => runs.create(...args),
    append: (...args) => runs.append(...args),
    renew: (...args) => runs.renew(...args),
    finish: (...args) => runs.finish(...args),
    lapsed: (...args) => runs.lapsed(...args),
    get: (...args) => runs.get(...args),
    list: (...args) => runs.list(...args),
    forget: (...args) => runs.forget(...args),
  }
  return { runs: { ...honest, ...overrides(runs) } }
}

it('skips optional features that a backplane lacks, and reports it', async () => {
  const { read, publish, subscribe, unsubscribe, seek, forget, close } = MemoryBackplane.prototype
  const inner = new MemoryBackplane()
  const bound = { read, publish, subscribe, unsubscribe, seek, forget, close }
  const bare = Object.fromEntries(Object.entries(bound).map(([name, method]) => [name, method.bind(inner as never)]))
  const create = () => ({ one: bare as never, other: bare as never, dispose: () => {} })
  const reasons = new Set<string>()
  for (const { name, run } of backplaneChecks(create)) {
    if (name.startsWith('runs: ')) await run({ skip: (reason) => reasons.add(reason) })
  }
  expect([...reasons]).toEqual(['This backplane has no runs.'])
})

describe('the suite notices a backplane that', () => {
  it.each<[fault: string, break_: (inner: MemoryBackplane) => Partial<Backplane>]>([
    [
      'counts per channel',
      (inner) => {
        const counts = new Map<string, number>()
        return {
          publish(channel, message, options) {
            inner.publish(channel, message, options)
            const position = (counts.get(channel) ?? 0) + 1
            counts.set(channel, position)
            return { position, duplicate: false }
          },
        }
      },
    ],
    ['claims continuity always', (inner) => ({ read: (...args) => ({ ...inner.read(...args), continuous: true }) })],
    [
      'ignores idempotency keys',
      (inner) => ({ publish: (channel, message, { retain }) => inner.publish(channel, message, { retain }) }),
    ],
    [
      'passes events on twice',
      (inner) => ({
        subscribe: (channel, subscriber) =>
          inner.subscribe(channel, {
            onMessage: (name, message) => {
              subscriber.onMessage(name, message)
              subscriber.onMessage(name, message)
            },
            onGap: () => {},
            onHealth: () => {},
          }),
      }),
    ],
    [
      'numbers live-only events',
      (inner) => ({
        publish: (channel, message, options) => inner.publish(channel, message, { ...options, retain: true }),
      }),
    ],
    ['makes up a clock', (inner) => ({ read: (...args) => ({ ...inner.read(...args), clock: 2 ** 52 }) })],
    [
      'tells of other channels by its clock',
      (inner) => ({
        read(...args) {
          const result = inner.read(...args)
          return { ...result, clock: result.storedPosition }
        },
      }),
    ],
    ['forgets nothing', () => ({ forget: () => {} })],
    [
      'goes on from another channel when its own events are gone',
      (inner) => {
        let last = 0
        return {
          publish(...args) {
            const result = inner.publish(...args)
            last = result.position ?? last
            return result
          },
          read(channel, after, limit) {
            const result = inner.read(channel, after, limit)
            return result.messages.length > 0 ? result : { ...result, lastPosition: last, continuous: last <= after }
          },
        }
      },
    ],
    ['does not unsubscribe', () => ({ unsubscribe: () => {} })],
    ['gives the oldest for the last', () => ({ seek: () => 0 })],
    [
      'finds the last events wherever it is asked to look',
      (inner) => ({ seek: (...args) => inner.seek(args[0], args[1]) }),
    ],
    [
      'cuts long data',
      (inner) => ({
        publish: (channel, { type, data }, options) =>
          inner.publish(channel, { type, data: data.slice(0, 1000) }, options),
      }),
    ],
    [
      'passes events on out of order, from one channel to the next',
      (inner) => ({
        subscribe: (channel, subscriber) =>
          inner.subscribe(channel, {
            onMessage: (name, message) => setTimeout(() => subscriber.onMessage(name, message), name === 'a' ? 1 : 20),
            onGap: () => {},
            onHealth: () => {},
          }),
      }),
    ],
    ['shows no node', ({ registry }) => ({ registry: withRegistry(registry, { nodes: () => [] }) })],
    [
      'shows who is on a dead node',
      ({ registry }) => {
        const written: RegistryEntry[] = []
        const update: BackplaneRegistry['update'] = (node, changes) => {
          for (const { member, ...change } of changes) if (member !== undefined) written.push({ ...change, member })
          return registry.update(node, changes)
        }
        const members = (wanted: string) => written.filter(({ channel }) => channel === wanted)
        return { registry: withRegistry(registry, { update, members }) }
      },
    ],
    [
      'knows every node',
      ({ registry }) => ({
        registry: withRegistry(registry, {
          beat: (...args) => ({ ...registry.beat(...args), known: true, lapsed: [] }),
        }),
      }),
    ],
    [
      'evicts whoever is asked for',
      ({ registry }) => ({ registry: withRegistry(registry, { evict: (node) => registry.evict(node, node) }) }),
    ],
    [
      'gives evicted entries twice',
      ({ registry }) => {
        const given = new Map<string, readonly RegistryEntry[]>()
        const evict: BackplaneRegistry['evict'] = async (node, caller) => {
          const entries = await registry.evict(node, caller)
          const again = given.get(node)
          if (entries.length > 0) given.set(node, entries)
          else given.delete(node)
          return again ?? entries
        }
        return { registry: withRegistry(registry, { evict }) }
      },
    ],
    [
      'shows members of one channel alone',
      ({ registry }) => ({ registry: withRegistry(registry, { members: () => registry.members('a') }) }),
    ],
    [
      'appends whatever the token',
      (inner) =>
        withRuns(inner, (runs) => {
          let created = ''
          return {
            create(id, creation) {
              created ||= creation.token
              return runs.create(id, creation)
            },
            append: (id, _, ordinal, messages) => runs.append(id, created, ordinal, messages),
          }
        }),
    ],
    [
      'appends again what is sent again',
      (inner) => withRuns(inner, (runs) => ({ append: (id, token, _, sent) => runs.append(id, token, 1e9, sent) })),
    ],
    [
      'is silent about what it lost',
      (inner) =>
        withRuns(inner, (runs) => ({
          append: (id, token, from, sent) => runs.append(id, token, Math.min(from, 1), sent),
        })),
    ],
    [
      'says that it ended a run that had ended',
      (inner) => withRuns(inner, (runs) => ({ finish: async (...args) => (await runs.finish(...args)) || true })),
    ],
    [
      'takes a lease that holds for lapsed',
      (inner) => withRuns(inner, (runs) => ({ finish: (id, _, end) => runs.finish(id, 'anyone', end) })),
    ],
    [
      'renews what is over',
      (inner) => withRuns(inner, (runs) => ({ renew: async (...args) => (await runs.renew(...args)).map(() => true) })),
    ],
    ['finds no lapsed run', (inner) => withRuns(inner, () => ({ lapsed: () => ({ ids: [], nextMs: undefined }) }))],
    [
      'knows no limit of running runs',
      (inner) =>
        withRuns(inner, (runs) => ({ create: (id, made) => runs.create(id, { ...made, maxRunning: Infinity }) })),
    ],
    [
      'tells tokens',
      (inner) =>
        withRuns(inner, (runs) => ({
          async create(id, creation) {
            const made = await runs.create(id, creation)
            return made.run ? { ...made, run: { ...made.run, token: creation.token } } : made
          },
        })),
    ],
    ['forgets what is running', (inner) => withRuns(inner, () => ({ forget: () => true }))],
    [
      'keeps runs for ever',
      (inner) => withRuns(inner, (runs) => ({ create: (id, made) => runs.create(id, { ...made, keepMs: Infinity }) })),
    ],
    [
      'bounds no run',
      (inner) =>
        withRuns(inner, (runs) => ({ create: (id, made) => runs.create(id, { ...made, maxBytes: Infinity }) })),
    ],
    [
      'lists the first first',
      (inner) => withRuns(inner, (runs) => ({ list: async (...args) => [...(await runs.list(...args))].reverse() })),
    ],
  ])('%s', async (_, fault) => {
    const checks = backplaneChecks(({ retention }) => {
      const inner = new MemoryBackplane({ retention })
      const honest: Backplane = {
        publish: inner.publish.bind(inner),
        subscribe: inner.subscribe.bind(inner),
        unsubscribe: inner.unsubscribe.bind(inner),
        read: inner.read.bind(inner),
        seek: inner.seek.bind(inner),
        forget: inner.forget.bind(inner),
        close: inner.close.bind(inner),
        registry: inner.registry,
        runs: inner.runs,
      }
      const broken = { ...honest, ...fault(inner) }
      return { one: broken, other: broken, dispose: () => inner.close() }
    })
    const results = await Promise.allSettled(checks.map(({ run }) => run()))
    expect(results.filter(({ status }) => status === 'rejected')).not.toEqual([])
  })
})
