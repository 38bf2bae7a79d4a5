import { defineEvents } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { randomFrom } from '../../../../test-support/random.js'
import {
  allows,
  behave,
  type FunctionName,
  foreignValue,
  foreignValues,
  givesValue,
  type Manner,
  manners,
} from '../../test/foreign-values.js'
import { createHarness, type TestConnection } from '../../test/harness.js'
import type { EventStreamOptions } from '../streams/stream-options.js'

/** `npm run test:long` asks for many more. */
const seeds = Number(process.env.RIVULET_SEEDS ?? 100)
const firstSeed = Number(process.env.RIVULET_SEED ?? 1)
const seedsPerTest = 100

const events = defineEvents({ log: z.object({ message: z.string() }), state: z.object({ total: z.number() }) })
type Options = EventStreamOptions<unknown, unknown, typeof events>

const functionNames = ['authorize', 'channels', 'presence', 'snapshot', 'filter'] as const
const clientCount = 6
const callbackTimeoutMs = 1_000

const wellBehaved = {
  authorize: () => ({ context: 1, key: 'k' }),
  channels: () => ['default'],
  presence: () => ({ name: 'k' }),
  snapshot: () => ({ events: [{ type: 'state', payload: { total: 1 } }] }),
  filter: () => true,
} as const

interface Client extends TestConnection {
  readonly leaves: boolean
  /** Its callbacks let it in. */
  readonly letIn: boolean
  readonly seesEvents: boolean
  readonly what: string
}

async function play(seed: number): Promise<void> {
  const random = randomFrom(seed)
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!
  const pending: (() => void)[] = []
  const later = (action: () => void) => void pending.push(action)
  const foreign = (name: FunctionName) => {
    const manner = pick<Manner>(manners)
    const value = foreignValue(name, pick)
    return { manner, value, call: () => behave(manner, value, later) as never }
  }

  const reported: string[] = []
  const { manager, clock, connect, calm } = createHarness(
    {
      events,
      limits: { maxConnections: clientCount, maxConnectionsPerKey: clientCount },
      callbackTimeoutMs,
      presence: { onChange: () => foreign('filter').call() },
      onError: (_, { stage }) => {
        reported.push(stage)
        return foreign('filter').call()
      },
    },
    seed,
  )
  const settle = async () => {
    do {
      for (const action of pending.splice(0)) action()
      await calm()
    } while (pending.length > 0)
  }

  async function connectOne(): Promise<Client> {
    const options: Record<string, unknown> = { ...wellBehaved }
    let letIn = true
    let seesEvents = true
    let what = ''
    for (const name of functionNames) {
      if (random() < 0.7) continue
      const { manner, value, call } = foreign(name)
      options[name] = call
      what += `${name} ${manner} ${typeof value}; `
      if (name === 'filter') seesEvents = manner === 'returns' && value === true
      else letIn &&= givesValue(manner) && allows[name](value)
      // Other channels than the one that is published to.
      if (name === 'channels') seesEvents &&= letIn && (value as string[]).includes('default')
    }
    const connection = await connect(options as Options)
    return Object.assign(connection, { leaves: random() < 0.2, letIn, seesEvents, what })
  }

  const clients: Client[] = []
  for (let client = 0; client < clientCount; client++) clients.push(await connectOne())
  for (const { sink, leaves } of clients) if (leaves) sink.destroy()
  await settle()
  const free = clients.filter(({ leaves }) => leaves)
  const others = await Promise.all(free.map(() => connect({ authorize: () => ({ context: 1, key: 'k' }) })))
  expect(others.map(({ sink }) => sink.status)).toEqual(others.map(() => 200))
  for (const { sink } of others) sink.destroy()
  await settle()
  clock.advance(callbackTimeoutMs)
  await settle()
  clock.advance(callbackTimeoutMs)
  await settle()
  await manager.publish('log', { message: 'hello' })
  await settle()

  for (const { sink, messages, leaves, letIn, seesEvents, what } of clients) {
    if (leaves) continue
    const about = `seed ${seed}: ${what}`
    if (letIn) expect(sink.status, about).toBe(200)
    else expect([204, 500, 401, 403].includes(sink.status!) || sink.status! >= 300, about).toBe(true)
    if (sink.status === 500) expect(reported, about).not.toEqual([])
    const seen = messages.filter(({ event }) => event === 'log').length
    expect(seen, about).toBe(letIn && seesEvents ? 1 : 0)
  }

  const places = new Set<string>(functionNames)
  expect(reported.filter((stage) => !places.has(stage))).toEqual([])

  for (const { sink } of clients) sink.destroy()
  await settle()
  expect(manager.stats(), `seed ${seed}`).toMatchObject({ connections: 0, cohorts: 0 })
  for (let client = 0; client < clientCount; client++) {
    const { sink } = await connect({ authorize: () => ({ context: 1, key: 'k' }) })
    expect(sink.status, `seed ${seed}: all places are free again`).toBe(200)
  }

  let closed = false
  void manager.close().then(() => {
    closed = true
  })
  await settle()
  clock.advance(5_000)
  await settle()
  expect(closed, `seed ${seed}`).toBe(true)
}

describe('whatever the application’s functions do, nobody is let in by mistake and no resource leaks:', () => {
  it.each(functionNames)('every value of %s', { timeout: 60_000 }, async (name) => {
    const { manager, connect, calm, errors } = createHarness({ events })
    for (const [index, make] of foreignValues(name).entries()) {
      const value = make()
      const about = `value ${index} of ${name}`
      errors.length = 0
      const { sink, messages } = await connect({ ...wellBehaved, [name]: () => value } as Options)
      await manager.publish('log', { message: 'hello' }, { retain: false })
      await calm()
      const letIn = name === 'filter' || allows[name](value)
      if (letIn) expect(sink.status, about).toBe(200)
      else expect([204, 401, 403, 500].includes(sink.status!) || sink.status! >= 300, about).toBe(true)
      const passes =
        name === 'filter' ? value === true : letIn && (name !== 'channels' || (value as string[]).includes('default'))
      expect(messages.filter(({ event }) => event === 'log').length, about).toBe(passes ? 1 : 0)
      const told = sink.status === 500 || (name === 'filter' && typeof value !== 'boolean')
      expect(
        errors.map(({ context }) => context),
        about,
      ).toMatchObject(told ? [{ stage: name }] : [])
      sink.destroy()
      await calm()
    }
    expect(manager.stats()).toMatchObject({ connections: 0, cohorts: 0 })
  })

  for (let from = firstSeed; from < firstSeed + seeds; from += seedsPerTest) {
    const to = Math.min(from + seedsPerTest, firstSeed + seeds) - 1
    it(`seeds ${from} to ${to}`, { timeout: 60_000 }, async () => {
      // Receives the error that onError failed on.
      const log = vi.spyOn(console, 'error').mockImplementation(() => {})
      onTestFinished(() => log.mockRestore())
      const unhandled: unknown[] = []
      const note = (error: unknown) => unhandled.push(error)
      process.on('unhandledRejection', note)
      for (let seed = from; seed <= to; seed++) {
        await play(seed)
        expect(unhandled.length, `seed ${seed}`).toBe(0)
      }
      process.off('unhandledRejection', note)
    })
  }
})
