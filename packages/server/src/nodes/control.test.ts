import { defineEvents, parseControlEvent, type SseMessage } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import type { Backplane, BackplaneSubscriber } from '../backplane/backplane.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import { Connection } from '../delivery/connection.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

/** Finds the event that told a client of the end of its stream. */
const ended = (messages: readonly SseMessage[]) =>
  messages.map(parseControlEvent).find((event) => event?.type === 'rivulet:close')

/** Some nodes on one backplane. */
function createNodes(count: number, backplane: Backplane = new MemoryBackplane()) {
  const nodes = Array.from({ length: count }, (_, seed) => createHarness({ events, backplane }, seed))
  const calm = async () => {
    for (const node of nodes) await node.calm()
  }
  return { nodes, calm }
}

const user = (key: string, channels: string[] = ['default']) => ({ authorize: () => ({ context: key, key }), channels })

describe('disconnectEverywhere', () => {
  it('ends the matching streams on every node, and tells them not to reconnect', async () => {
    const { nodes, calm } = createNodes(2)
    const eves = await Promise.all(nodes.map(({ connect }) => connect(user('eve'))))
    const ada = await nodes[1]!.connect(user('ada'))
    await nodes[0]!.manager.disconnectEverywhere({ key: 'eve' }, 'signed out')
    await calm()
    for (const { messages, sink } of eves) {
      expect(ended(messages)).toEqual({ type: 'rivulet:close', reason: 'signed out', retry: false })
      expect(sink.closed).toBe(true)
    }
    expect(ended(ada.messages)).toBeUndefined()
  })

  it('ends only streams that match every property of the selector', async () => {
    const { nodes, calm } = createNodes(2)
    const [{ connect }, { manager }] = nodes as [(typeof nodes)[0], (typeof nodes)[0]]
    const both = await connect(user('eve', ['a', 'b']))
    const other = await connect(user('eve', ['b']))
    await manager.disconnectEverywhere({ key: 'eve', channel: 'a' }, 'over')
    await calm()
    expect([both, other].map(({ messages }) => ended(messages) !== undefined)).toEqual([true, false])
    const [[id]] = [...nodes[0]!.manager.connections] as [[string, unknown]]
    await manager.disconnectEverywhere({ connectionId: id }, 'over')
    await calm()
    expect(ended(other.messages)).toBeDefined()
  })

  it('comes after the events that were published before it', async () => {
    const { nodes, calm } = createNodes(2)
    const client = await nodes[1]!.connect({ channels: ['job'] })
    await nodes[0]!.manager.publish('log', { message: 'done' }, { channel: 'job' })
    await nodes[0]!.manager.disconnectEverywhere({ channel: 'job' }, 'finished')
    await calm()
    expect(client.messages.map(({ event }) => event)).toEqual(['rivulet:open', 'log', 'rivulet:close'])
  })

  it('also ends a stream that was already authorized but is not open yet', async () => {
    const { nodes, calm } = createNodes(2)
    let answer: (admission: { context: string; key: string }) => void = () => {}
    const authorized = new Promise<{ context: string; key: string }>((resolve) => {
      answer = resolve
    })
    const eve = nodes[0]!.connect({ authorize: () => authorized })
    await calm()
    await nodes[1]!.manager.disconnectEverywhere({ key: 'eve' }, 'signed out')
    answer({ context: 'eve', key: 'eve' })
    const { sink } = await eve
    await calm()
    expect(sink.status).toBe(403)
  })

  it('spares a stream that is authorized later', async () => {
    const { nodes, calm } = createNodes(2)
    await nodes[0]!.connect(user('ada'))
    await nodes[1]!.manager.disconnectEverywhere({ key: 'eve' }, 'signed out')
    const eve = await nodes[0]!.connect(user('eve'))
    await calm()
    expect(ended(eve.messages)).toBeUndefined()
  })

  it.each([{}, { key: undefined }, { key: '' }, { channel: 7 }])(
    'refuses %j: a mistake must not select everyone',
    async (selector) => {
      const { nodes } = createNodes(1)
      await expect(nodes[0]!.manager.disconnectEverywhere(selector as never, 'over')).rejects.toMatchObject({
        code: 'RIVULET_CONFIGURATION',
      })
    },
  )
})

describe('disconnect', () => {
  it('only examines the streams that a selector can match', async () => {
    const { nodes, calm } = createNodes(1)
    const { manager, connect } = nodes[0]!
    const clients = [
      await connect(user('ada', ['a'])),
      await connect(user('eve', ['a'])),
      await connect(user('eve', ['b'])),
    ]
    for (let count = 0; count < 20; count++) await connect(user(`other ${count}`, ['other']))
    const looks = vi.spyOn(Connection.prototype, 'admittedPosition', 'get')
    onTestFinished(() => looks.mockRestore())
    const isEnded = () => clients.map(({ messages }) => ended(messages) !== undefined)

    expect(manager.disconnect({ key: 'eve', channel: 'b' }, 'over')).toBe(1)
    await calm()
    expect(isEnded()).toEqual([false, false, true])
    expect(manager.disconnect({ channel: 'a', key: 'nobody' }, 'over')).toBe(0)
    const [[id]] = [...manager.connections] as [[string, unknown]]
    expect(manager.disconnect({ connectionId: id, key: 'eve' }, 'over')).toBe(0)
    expect(manager.disconnect({ connectionId: id }, 'over')).toBe(1)
    expect(manager.disconnect({ channel: 'a' }, 'over')).toBe(1)
    await calm()
    expect(isEnded()).toEqual([true, true, true])
    expect(manager.disconnect({ key: 'eve' }, 'over')).toBe(0)
    expect(looks.mock.calls.length).toBeLessThan(10)
    expect(() => manager.disconnect({}, 'over')).toThrow(/selector/)
  })

  it('by selector ends a stream that is joining', async () => {
    const { nodes, calm } = createNodes(1)
    const { manager, connect } = nodes[0]!
    let give: (snapshot: { events: [] }) => void = () => {}
    const snapshot = new Promise<{ events: [] }>((resolve) => {
      give = resolve
    })
    const joining = connect({ ...user('eve'), snapshot: () => snapshot })
    await calm()
    expect(manager.disconnect({ key: 'eve' }, 'over')).toBe(1)
    give({ events: [] })
    await calm()
    expect((await joining).sink.status).toBe(403)
  })
})

describe('the control channel', () => {
  it('is closed to all streams and publishers', async () => {
    const { nodes } = createNodes(1)
    const { connect, manager } = nodes[0]!
    const spy = await connect({ channels: ['default', 'rivulet:control'] })
    expect(spy.sink.status).toBe(403)
    const publish = manager.publish('log', { message: '' }, { channel: 'rivulet:control' })
    await expect(publish).rejects.toMatchObject({ code: 'RIVULET_CONFIGURATION' })
  })
})

describe('a backplane that lost something', () => {
  /** A node, and what its backplane does to it. */
  function createBroken() {
    const memory = new MemoryBackplane()
    const subscribers: BackplaneSubscriber[] = []
    const backplane: Backplane = {
      publish: (...args) => memory.publish(...args),
      subscribe(channel, subscriber) {
        if (channel === 'rivulet:control') subscribers.push(subscriber)
        memory.subscribe(channel, subscriber)
      },
      unsubscribe: (...args) => memory.unsubscribe(...args),
      read: (...args) => memory.read(...args),
      seek: (...args) => memory.seek(...args),
      forget: (...args) => memory.forget(...args),
      close() {},
    }
    return { ...createNodes(3, backplane), memory, subscribers }
  }

  it('makes the nodes publish recent disconnects again', async () => {
    const { nodes, calm, memory, subscribers } = createBroken()
    await nodes[0]!.connect(user('ada'))
    const eve = await nodes[1]!.connect(user('eve'))
    const [, second] = subscribers as [BackplaneSubscriber, BackplaneSubscriber]
    memory.unsubscribe('rivulet:control', second)
    await nodes[0]!.manager.disconnectEverywhere({ key: 'eve' }, 'signed out')
    await calm()
    expect(ended(eve.messages)).toBeUndefined()
    // With the data of before it lost the keys that tell a repetition.
    memory.publish = (
      (publish) => (channel, message, options) =>
        publish(channel, message, { ...options, idempotencyKey: undefined })
    )(memory.publish.bind(memory))
    memory.subscribe('rivulet:control', second)
    // Nobody was there to be told the first time.
    const later = await nodes[2]!.connect(user('eve'))
    for (const subscriber of subscribers) subscriber.onGap(undefined)
    await calm()
    expect(ended(eve.messages)).toMatchObject({ reason: 'signed out', retry: false })
    expect(ended(later.messages), 'who was authorized after the first time').toBeUndefined()
  })

  it('makes clients reconnect to a node that cannot tell what it missed', async () => {
    const { nodes, calm, subscribers } = createBroken()
    const client = await nodes[0]!.connect(user('ada'))
    subscribers[0]!.onGap('rivulet:control')
    await calm()
    expect(ended(client.messages)).toEqual({ type: 'rivulet:close', reason: 'reauthorize', retry: true })
  })

  it('is noticed at the next disconnect', async () => {
    const { nodes, calm, memory, subscribers } = createBroken()
    const client = await nodes[0]!.connect(user('ada'))
    const { manager } = nodes[1]!
    await manager.disconnectEverywhere({ key: 'bob' }, 'over')
    memory.unsubscribe('rivulet:control', subscribers[0]!)
    await manager.disconnectEverywhere({ key: 'ada' }, 'over')
    memory.subscribe('rivulet:control', subscribers[0]!)
    await manager.disconnectEverywhere({ key: 'cleo' }, 'over')
    await calm()
    expect(ended(client.messages)).toMatchObject({ reason: 'reauthorize', retry: true })
  })
})
