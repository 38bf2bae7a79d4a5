import { defineEvents } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import type { Backplane } from '../backplane/backplane.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import type { BackplaneRegistry } from '../backplane/registry.js'
import type { ConnectionInfo } from '../runtime/connection-info.js'
import type { PresenceChange } from './presence-notices.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

/** Some nodes on one backplane, whose clocks go together, and what each was told. */
function createNodes(count: number, overrides: Partial<BackplaneRegistry> = {}) {
  let now = 1_700_000_000_000
  const memory = new MemoryBackplane({ clock: { now: () => now, setTimeout: () => {}, clearTimeout: () => {} } })
  const { registry } = memory
  const honest: BackplaneRegistry = {
    beat: registry.beat.bind(registry),
    update: registry.update.bind(registry),
    members: registry.members.bind(registry),
    nodes: registry.nodes.bind(registry),
    evict: registry.evict.bind(registry),
  }
  const broken = { ...honest, ...overrides }
  const backplane: Backplane = Object.assign(Object.create(memory) as Backplane, {
    registry: broken,
    publish: memory.publish.bind(memory),
    subscribe: memory.subscribe.bind(memory),
    unsubscribe: memory.unsubscribe.bind(memory),
    read: memory.read.bind(memory),
    seek: memory.seek.bind(memory),
    close: () => {},
  })
  const nodes = Array.from({ length: count }, (_, seed) => {
    const told: string[] = []
    const onChange = ({ change, channel, member }: PresenceChange) =>
      told.push(`${change} ${channel} ${JSON.stringify(member.info)}`)
    const harness = createHarness({ events, backplane, presence: { onChange, nodeTimeoutMs: 9_000 } }, seed)
    return { ...harness, told, dead: false }
  })
  /** A node that is dead has no time any more. */
  async function pass(ms: number): Promise<void> {
    const stepMs = Math.min(ms, 1_000)
    now += stepMs
    for (const { clock, dead } of nodes) if (!dead) clock.advance(stepMs)
    for (const { calm, dead } of nodes) if (!dead) await calm()
    if (ms > stepMs) await pass(ms - stepMs)
  }
  const names = async (channel: string) =>
    (await nodes[0]!.manager.presence(channel)).map(({ info }) => (info as { name: string }).name).sort()
  return { nodes, broken, honest, pass, names }
}

const as = (name: string, channels: string[] = ['room']) => ({ channels, presence: () => ({ name }) })

describe('presence', () => {
  it('shows the streams on a channel, on every node, until they leave', async () => {
    const { nodes, names, pass } = createNodes(2)
    const ada = await nodes[0]!.connect(as('ada'))
    await nodes[1]!.connect(as('bob', ['room', 'lobby']))
    expect(await names('room')).toEqual(['ada', 'bob'])
    expect(await names('lobby')).toEqual(['bob'])
    expect(await names('elsewhere')).toEqual([])
    expect(await nodes[1]!.manager.presenceCount('room')).toBe(2)
    const [member] = await nodes[1]!.manager.presence('lobby')
    const [[id, { connectedAt }]] = [...nodes[1]!.manager.connections] as [[string, ConnectionInfo]]
    expect(member).toEqual({ connectionId: id, info: { name: 'bob' }, connectedAt })
    ada.sink.destroy()
    await pass(0)
    expect(await names('room')).toEqual(['bob'])
  })

  it('is counted without being read if the registry can count', async () => {
    const members = () => expect.unreachable('it is read')
    const { nodes } = createNodes(1, { members, count: (channel) => channel.length })
    expect(await nodes[0]!.manager.presenceCount('room')).toBe(4)
  })

  it('is made from the context, and omits streams whose callback returns undefined', async () => {
    const { nodes, names } = createNodes(1)
    const presence = (context: { name?: string }) => (context.name === undefined ? undefined : context)
    for (const name of ['ada', undefined]) {
      await nodes[0]!.connect({
        authorize: () => ({ context: { name } }),
        channels: ['room'],
        presence: presence as never,
      })
    }
    await nodes[0]!.connect({ channels: ['room'] })
    expect(await names('room')).toEqual(['ada'])
  })

  it('refuses a stream whose callback throws, and reports the error', async () => {
    const { nodes } = createNodes(1)
    const { connect, errors, manager } = nodes[0]!
    const error = new Error('no name')
    const throwing = () => {
      throw error
    }
    const { sink } = await connect({ channels: ['room'], presence: throwing })
    expect(sink.status).toBe(500)
    expect(errors).toEqual([{ error, context: { stage: 'presence' } }])
    expect(manager.connections.size).toBe(0)
  })

  it('announces each change once, on the node of the stream', async () => {
    const { nodes, pass } = createNodes(2)
    const ada = await nodes[0]!.connect(as('ada', ['lobby', 'room']))
    await pass(20_000)
    ada.sink.destroy()
    await pass(20_000)
    expect(nodes.map(({ told }) => told)).toEqual([
      [
        'join lobby {"name":"ada"}',
        'join room {"name":"ada"}',
        'leave lobby {"name":"ada"}',
        'leave room {"name":"ada"}',
      ],
      [],
    ])
  })

  it('forgets the streams of a dead node, and another node announces that they left', async () => {
    const { nodes, names, pass } = createNodes(3)
    await nodes[0]!.connect(as('ada'))
    await nodes[2]!.connect(as('bob'))
    for (const name of ['cleo', 'dan']) await nodes[1]!.connect(as(name))
    nodes[1]!.dead = true
    await pass(8_999)
    expect(await names('room')).toEqual(['ada', 'bob', 'cleo', 'dan'])
    await pass(1)
    expect(await names('room')).toEqual(['ada', 'bob'])
    await pass(3_000)
    const left = [...nodes[0]!.told, ...nodes[2]!.told].filter((text) => text.startsWith('leave'))
    expect(left.sort()).toEqual(['leave room {"name":"cleo"}', 'leave room {"name":"dan"}'])
  })

  it('shows the streams of a node again after it was wrongly presumed dead', async () => {
    const { nodes, names, pass } = createNodes(2)
    await nodes[0]!.connect(as('ada'))
    const bob = await nodes[1]!.connect(as('bob'))
    nodes[1]!.dead = true
    await pass(30_000)
    expect(await names('room')).toEqual(['ada'])
    nodes[1]!.dead = false
    await pass(3_000)
    expect(await names('room')).toEqual(['ada', 'bob'])
    expect(nodes[0]!.told).toEqual(['join room {"name":"ada"}', 'leave room {"name":"bob"}'])
    expect(nodes[1]!.told).toEqual(['join room {"name":"bob"}', 'join room {"name":"bob"}'])
    bob.sink.destroy()
    await pass(0)
    expect(await names('room')).toEqual(['ada'])
  })

  it('is written again if the registry lost it, and announces who has left meanwhile', async () => {
    const { nodes, broken, honest, names, pass } = createNodes(1)
    const [ada] = [await nodes[0]!.connect(as('ada')), await nodes[0]!.connect(as('bob'))]
    const update = () => {
      throw new Error('away')
    }
    broken.update = update
    broken.beat = update
    ada.sink.destroy()
    await pass(3_000)
    expect(nodes[0]!.errors).toMatchObject([{ context: { stage: 'presence' } }])
    Object.assign(broken, honest)
    broken.beat = (...args) => ({ ...(honest.beat(...args) as { known: boolean; lapsed: string[] }), known: false })
    await pass(3_000)
    broken.beat = honest.beat
    expect(await names('room')).toEqual(['bob'])
    expect(nodes[0]!.told.slice(2)).toEqual(['leave room {"name":"ada"}', 'join room {"name":"bob"}'])
  })

  it('takes no memory for streams that came and went while the registry failed', async () => {
    const { nodes, broken, honest, names, pass } = createNodes(1)
    const [node] = nodes
    await node!.connect(as('ada'))
    let written = 0
    broken.update = async () => {
      throw new Error('down')
    }
    for (let count = 0; count < 300; count++) {
      const { sink } = await node!.connect(as('eve'))
      sink.destroy()
      await node!.calm()
    }
    await node!.connect(as('bob'))
    broken.update = (id, changes) => {
      written += changes.length
      return honest.update(id, changes)
    }
    await pass(10_000)
    expect(await names('room')).toEqual(['ada', 'bob'])
    // Of who was being written when it failed, it may have heard.
    expect(written).toBeLessThanOrEqual(2)
  })

  it.each<[how: string, onChange: (error: Error) => Promise<void>]>([
    [
      'throws',
      (error) => {
        throw error
      },
    ],
    ['rejects with', async (error) => Promise.reject(error)],
  ])('survives what the handler %s', async (_, onChange) => {
    const error = new Error('handler')
    const { manager, connect, errors } = createHarness({ events, presence: { onChange: () => onChange(error) } })
    await connect(as('ada'))
    expect(errors).toEqual([{ error, context: { stage: 'presence', channel: 'room' } }])
    expect(await manager.presence('room')).toHaveLength(1)
  })

  it('ends with the manager', async () => {
    const { nodes, names, pass } = createNodes(2)
    await nodes[0]!.connect(as('ada'))
    await nodes[1]!.connect(as('bob'))
    const closed = nodes[1]!.manager.close()
    await pass(0)
    await closed
    expect(await names('room')).toEqual(['ada'])
    expect(await nodes[0]!.manager.nodes()).toHaveLength(1)
    expect(nodes[1]!.told).toEqual(['join room {"name":"bob"}', 'leave room {"name":"bob"}'])
  })
})

describe('nodes', () => {
  it('are the live ones, with their number of streams', async () => {
    const { nodes, pass } = createNodes(2)
    const streams = [await nodes[0]!.connect(), await nodes[0]!.connect(), await nodes[1]!.connect()]
    await pass(3_000)
    const counts = async () => (await nodes[0]!.manager.nodes()).map(({ connections }) => connections).sort()
    expect(await counts()).toEqual([1, 2])
    streams[2]!.sink.destroy()
    await pass(0)
    expect(await counts()).toEqual([0, 2])
    nodes[0]!.dead = true
    await pass(9_000)
    expect(await counts()).toEqual([])
  })
})
