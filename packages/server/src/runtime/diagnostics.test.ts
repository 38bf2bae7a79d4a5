import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { defineEvents } from '@rivulet/core'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })
const names = ['connection:open', 'connection:lag', 'connection:close', 'connection:refuse', 'publish']

it('reports events to node:diagnostics_channel and to the counters', async () => {
  const told: [name: string, message: Record<string, unknown>][] = []
  for (const name of names) {
    const listener = (message: unknown) => void told.push([name, message as Record<string, unknown>])
    subscribe(`rivulet:${name}`, listener)
    onTestFinished(() => void unsubscribe(`rivulet:${name}`, listener))
  }
  const { manager, connect, clock, calm } = createHarness({ events, name: 'main' })
  const first = await manager.publish('log', { message: '1' })
  const client = await connect({ replay: 'latest' })
  await connect({ authorize: () => ({ status: 401 }) })
  client.sink.take = () => {}
  for (let count = 0; count < 3; count++) {
    await manager.publish('log', { message: 'x'.repeat(200_000) }, { retain: count > 0 })
    await calm()
  }
  clock.advance(1_000)
  client.sink.destroy()
  await calm()
  const connectionId = told.find(([name]) => name === 'connection:open')![1].connectionId
  expect(told.filter(([name]) => name !== 'publish')).toEqual([
    ['connection:open', { manager: 'main', connectionId, channels: ['default'], recovered: null, replayed: 1 }],
    ['connection:refuse', { manager: 'main', status: 401 }],
    ['connection:lag', { manager: 'main', connectionId }],
    ['connection:close', { manager: 'main', connectionId, reason: 'client left', lifetimeMs: 1_000 }],
  ])
  expect(told[0]).toEqual([
    'publish',
    { manager: 'main', channel: 'default', type: 'log', id: first.id, duplicate: false },
  ])
  expect(manager.stats()).toMatchObject({
    connections: 0,
    opened: 1,
    closed: 1,
    refused: 1,
    published: 4,
    replayed: 1,
    lags: 1,
  })
})

it('identifies a manager without a name by its node id', async () => {
  const told: { manager?: string }[] = []
  const listener = (message: unknown) => void told.push(message as { manager?: string })
  subscribe('rivulet:connection:open', listener)
  onTestFinished(() => void unsubscribe('rivulet:connection:open', listener))
  const { manager, connect } = createHarness({ events })
  await connect()
  expect(told).toMatchObject([{ manager: (await manager.nodes())[0]!.id }])
})
