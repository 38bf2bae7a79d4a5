import { type ControlEvent, defineEvents, parseControlEvent, type SseMessage } from '@rivulet/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { z } from 'zod'
import { createHarness, type Harness, type TestConnection } from '../../test/harness.js'
import { MemoryBackplane } from '../backplane/memory-backplane.js'
import type { EventStreamOptions } from './stream-options.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })
type Options = EventStreamOptions<unknown, unknown, typeof events>
type Node = Harness<typeof events>

/** Grants everything that is asked for. */
const open: Options = {
  channels: (_request, _context, { requested }) => requested ?? ['default'],
  changeable: true,
}
const as = (key: string, options: Options = open): Options => ({ ...options, authorize: () => ({ context: key, key }) })

const log = (node: Node, channel: string, message: string, retain = true) =>
  node.manager.publish('log', { message }, { channel, retain })

/** Tells what a client got, in order: `a:1` for the event 1 of channel a, `+a -b 3` for a change. */
function story(messages: readonly SseMessage[]): string[] {
  return messages.map((message) => {
    const control = parseControlEvent(message)
    if (control) return tell(control)
    const { channel = 'default', message: text } = JSON.parse(message.data)
    return `${channel}:${text}`
  })
}

function tell(control: ControlEvent): string {
  if (control.type === 'rivulet:channels') {
    const { added, removed, change, failed } = control
    const parts = [...added.map((name) => `+${name}`), ...removed.map((name) => `-${name}`), change, failed && 'failed']
    return parts.filter((part) => part !== undefined).join(' ')
  }
  if (control.type === 'rivulet:live') return 'live'
  if (control.type === 'rivulet:gap') return `gap ${control.channel} ${control.reason}`
  if (control.type === 'rivulet:close') return `close ${control.reason} ${control.retry}`
  return 'open'
}

function opened({ messages }: TestConnection): { connectionId: string; control: string } {
  const control = messages.map(parseControlEvent).find((event) => event?.type === 'rivulet:open')
  if (control?.type !== 'rivulet:open') throw new Error('The stream is not open.')
  return { connectionId: control.connectionId, control: control.control! }
}

let lastChange = 0

/** Posts a change and lets it be carried out. @returns The status of the answer. */
async function post(
  client: TestConnection,
  node: Node,
  channels: string[],
  { options = open, ...fields }: { options?: Options; [field: string]: unknown } = {},
): Promise<number> {
  const body = { ...opened(client), channels, change: ++lastChange, ...fields }
  const answered = node.manager.answerControl({ raw: undefined, body: JSON.stringify(body) }, options)
  await node.calm()
  return (await answered).status
}

const after = (client: TestConnection, index = 1) => story(client.messages).slice(index)

describe('a change of channels', () => {
  it('adds and removes channels of the open stream, at the place that it announces', async () => {
    const node = createHarness({ events })
    const client = await node.connect(open, undefined, ['a', 'b'])
    await log(node, 'a', '1')
    await log(node, 'c', 'before')
    expect(await post(client, node, ['b', 'c'], { change: 7 })).toBe(202)
    await log(node, 'a', '2')
    await log(node, 'b', '3')
    await log(node, 'c', '4')
    await node.calm()
    expect(after(client)).toEqual(['a:1', '+c -a 7', 'live', 'b:3', 'c:4'])
    expect([...node.manager.connections.values()]).toMatchObject([{ channels: ['b', 'c'], state: 'live' }])
    expect(node.manager.stats()).toMatchObject({ cohorts: 1, errors: 0 })
  })

  it('has no live event if it adds nothing, and is confirmed if it changes nothing', async () => {
    const node = createHarness({ events })
    const client = await node.connect(open, undefined, ['a', 'b'])
    await post(client, node, ['a'], { change: 1 })
    await post(client, node, ['a'], { change: 2 })
    expect(after(client)).toEqual(['-b 1', '2'])
  })

  it('gives the replay of the added channels, merged with what is live', async () => {
    const node = createHarness({ events })
    for (const message of ['1', '2', '3']) {
      await log(node, 'b', message)
      await log(node, 'c', message)
    }
    const client = await node.connect({ ...open, replay: 2 }, undefined, ['a'])
    await log(node, 'a', 'first')
    await post(client, node, ['a', 'b', 'c'])
    await log(node, 'a', 'last')
    await node.calm()
    expect(after(client)).toEqual(['a:first', `+b +c ${lastChange}`, ...['b:2', 'c:2', 'b:3', 'c:3'], 'live', 'a:last'])
  })

  it('gives everything after the client’s cursor on an added channel', async () => {
    const node = createHarness({ events })
    const { id } = await log(node, 'b', '1')
    await log(node, 'b', '2')
    await log(node, 'c', 'old')
    const client = await node.connect({ ...open, replay: 1 }, undefined, ['a'])
    await post(client, node, ['a', 'b', 'c'], { after: { b: id, a: id } })
    expect(after(client, 2)).toEqual(['b:2', 'c:old', 'live'])
  })

  it.each([
    ['no longer kept', 'trimmed', (id: string) => id],
    ['from the future', 'restarted', () => 'zzzzzzzzzz'],
    ['malformed', 'restarted', () => '?'],
  ])('announces a gap if the cursor is %s', async (_, reason, cursorOf) => {
    const node = createHarness({ events, retention: { maxEvents: 1 } })
    const { id } = await log(node, 'b', '1')
    for (const message of ['2', '3', '4']) await log(node, 'b', message)
    const client = await node.connect({ ...open, replay: 'latest' }, undefined, ['a'])
    await post(client, node, ['a', 'b'], { after: { b: cursorOf(id!) } })
    expect(after(client, 2)).toEqual([`gap b ${reason}`, 'b:4', 'live'])
    expect(node.manager.stats().gapsByReason).toMatchObject({ [reason]: 1 })
  })

  it('asks for the snapshot of the added channels only, and of those without a usable cursor', async () => {
    const node = createHarness({ events })
    const asked: (readonly string[])[] = []
    const options: Options = {
      ...open,
      snapshot: async (_context, { channels }) => {
        asked.push(channels)
        await node.manager.publish('log', { message: 'meanwhile' }, { channel: 'b' })
        await node.manager.publish('log', { message: 'typing' }, { channel: 'b', retain: false })
        await node.manager.publish('log', { message: 'kept' }, { channel: 'a', retain: false })
        return {
          events: channels.map((channel) => ({ type: 'log' as const, payload: { message: 'state' }, channel })),
        }
      },
    }
    const { id } = await log(node, 'c', '1')
    await log(node, 'c', '2')
    const client = await node.connect(options, undefined, ['a'])
    client.messages.length = 1
    await post(client, node, ['a', 'b', 'c'], { options, after: { c: id } })
    expect(asked).toEqual([['a'], ['b']])
    expect(after(client)).toEqual([
      'a:kept',
      `+b +c ${lastChange}`,
      'b:state',
      ...['c:2', 'b:meanwhile', 'b:typing'],
      'live',
    ])
  })

  it('goes on from the cursor of the snapshot', async () => {
    const node = createHarness({ events })
    const options: Options = {
      ...open,
      snapshot: async (_context, { channels }) => {
        if (channels[0] === 'a') return { events: [] }
        await node.manager.publish('log', { message: 'in the state' }, { channel: 'b' })
        const { id } = await node.manager.publish('log', { message: 'in it too' }, { channel: 'b' })
        await node.manager.publish('log', { message: 'later' }, { channel: 'b' })
        return { events: [{ type: 'log', payload: { message: 'state' }, channel: 'b' }], cursor: id }
      },
    }
    const client = await node.connect(options, undefined, ['a'])
    await post(client, node, ['a', 'b'], { options })
    expect(after(client, 2)).toEqual(['b:state', 'b:later', 'live'])
  })

  it.each([
    ['trimmed', 'after', 3],
    ['restarted', 'at', 1],
    ['restarted', 'before', 0],
  ])('announces a gap, %s, if the cursor of the snapshot is %s that of the client', async (reason, _, index) => {
    const node = createHarness({ events, retention: { maxEvents: 1 } })
    const ids: string[] = []
    for (const message of ['1', '2', '3', '4']) ids.push((await log(node, 'b', message)).id!)
    const options: Options = {
      ...open,
      snapshot: (_context, { channels: [channel] }) => ({
        events: [{ type: 'log', payload: { message: 'state' }, channel: channel! }],
        cursor: ids[index]!,
      }),
    }
    const client = await node.connect(options, undefined, ['a'])
    client.messages.length = 1
    await post(client, node, ['a', 'b'], { options, after: { b: ids[1] } })
    expect(after(client, 2).slice(0, 2)).toEqual([`gap b ${reason}`, 'b:state'])
  })

  it('gives a reader that knows nothing of it a cursor that is true again', async () => {
    const node = createHarness({ events })
    for (const message of ['1', '2']) await log(node, 'b', message)
    const client = await node.connect({ ...open, replay: 5 }, undefined, ['a'])
    await log(node, 'a', 'x')
    const { id } = await log(node, 'a', 'y')
    await post(client, node, ['a', 'b'])
    const live = client.messages.at(-1)!
    expect([live.event, live.lastEventId >= id!]).toEqual(['rivulet:live', true])
    await log(node, 'b', '3')
    const resumed = await node.connect(open, live.lastEventId, ['a', 'b'])
    expect(after(resumed)).toEqual(['b:3'])
  })

  it('tells nothing about other channels by that cursor', async () => {
    const cursorAfter = async (others: number) => {
      const node = createHarness({ events })
      const client = await node.connect(open, undefined, ['a'])
      node.clock.advance(5_000)
      for (let count = 0; count < others; count++) await log(node, 'other', '')
      node.clock.advance(10)
      await post(client, node, ['a', 'b'])
      return client.messages.at(-1)!.lastEventId
    }
    const cursor = await cursorAfter(0)
    expect([await cursorAfter(1), await cursorAfter(3_000)]).toEqual([cursor, cursor])
  })

  it('loses and doubles nothing that is published while it is prepared: kept or not, on kept or added channels', async () => {
    const node = createHarness({ events })
    let published = 0
    const publishAll = () => {
      published++
      for (const channel of ['a', 'b', 'c']) {
        node.manager.emit('log', { message: `${published}` }, { channel })
        node.manager.emit('log', { message: `${published} live` }, { channel, retain: false })
      }
    }
    const options: Options = {
      ...open,
      snapshot: async (_context, { channels }) => {
        if (channels[0] === 'a') return { events: [] }
        publishAll()
        await Promise.resolve()
        publishAll()
        return { events: [] }
      },
    }
    const client = await node.connect(options, undefined, ['a', 'b'])
    await post(client, node, ['b', 'c'], { options })
    publishAll()
    await node.calm()
    const got = (channel: string) => after(client).filter((text) => text.startsWith(`${channel}:`))
    const all = (channel: string) =>
      [1, 2, 3].flatMap((number) => [`${channel}:${number}`, `${channel}:${number} live`])
    expect(got('b')).toEqual(all('b'))
    expect(got('a')).toEqual(all('a').slice(0, 4))
    expect([...got('c')].sort()).toEqual(all('c').sort())
  })

  it('respects the filter', async () => {
    const node = createHarness({ events })
    await log(node, 'b', '1')
    await log(node, 'b', 'hidden')
    const options: Options = { ...open, replay: 5, filter: (event) => event.message !== 'hidden' }
    const client = await node.connect(options, undefined, ['a'])
    await post(client, node, ['a', 'b'])
    for (const message of ['2', 'hidden', '3']) await log(node, 'b', message)
    await node.calm()
    expect(after(client, 2)).toEqual(['b:1', 'live', 'b:2', 'b:3'])
  })

  it('replaces one that waits, and is not overtaken by a repeated or late POST', async () => {
    const node = createHarness({ events })
    const client = await node.connect(open, undefined, ['a'])
    const posted = [5, 6, 4, 6].map((change) =>
      node.manager.answerControl(
        { raw: undefined, body: { ...opened(client), channels: ['a', `b${change}`], change } },
        open,
      ),
    )
    await node.calm()
    expect((await Promise.all(posted)).map(({ status }) => status)).toEqual([202, 202, 202, 202])
    await post(client, node, ['a', 'old'], { change: 5 })
    expect(after(client)).toEqual(['+b6 6', 'live'])
    await post(client, node, ['a'], { change: 7 })
    expect(after(client, 3)).toEqual(['-b6 7'])
  })

  it('waits for a client that reads slowly, and buffers nothing for it meanwhile', async () => {
    const node = createHarness({ events, limits: { highWaterMarkBytes: 1_000 } })
    const client = await node.connect({ ...open, replay: 5 }, undefined, ['a'])
    const take = client.sink.take.bind(client.sink)
    client.sink.take = () => {}
    for (let count = 0; count < 50; count++) await log(node, 'a', `${count} ${'x'.repeat(400)}`)
    await node.calm()
    const before = client.sink.bufferedBytes
    for (let count = 0; count < 500; count++) await post(client, node, ['a', `${count}`.padEnd(200, 'x')])
    expect(client.sink.bufferedBytes).toBe(before)
    expect(node.manager.stats().cohorts).toBeLessThanOrEqual(2)
    client.sink.take = take
    await node.calm()
    expect(client.messages.filter(({ event }) => event === 'log')).toHaveLength(50)
    expect(after(client).slice(-2)).toEqual([`+${'499'.padEnd(200, 'x')} ${lastChange}`, 'live'])
  })

  it('moves the stream’s presence', async () => {
    const onChange = vi.fn()
    const node = createHarness({ events, presence: { onChange } })
    const options: Options = { ...open, presence: () => ({ name: 'Ada' }) }
    const client = await node.connect(options, undefined, ['a', 'b'])
    await post(client, node, ['b', 'c'])
    const members = async (channel: string) => (await node.manager.presence(channel)).map(({ info }) => info)
    expect(await members('a')).toEqual([])
    expect(await members('b')).toEqual([{ name: 'Ada' }])
    expect(await members('c')).toEqual([{ name: 'Ada' }])
    const told = onChange.mock.calls.map(([{ change, channel }]) => `${change} ${channel}`)
    expect(told.sort()).toEqual(['join a', 'join b', 'join c', 'leave a'])
    client.sink.destroy()
    await node.calm()
    expect(await members('c')).toEqual([])
  })

  it('fails alone if the snapshot fails, and tells why to nobody but onError', async () => {
    const node = createHarness({ events })
    const options: Options = {
      ...open,
      snapshot: (_context, { channels }) => {
        if (channels.includes('bad')) throw new Error('secret detail')
        return { events: [] }
      },
    }
    const client = await node.connect(options, undefined, ['a'])
    await post(client, node, ['a', 'bad'])
    await log(node, 'a', '1')
    await log(node, 'bad', '1')
    await post(client, node, ['a', 'b'])
    expect(after(client)).toEqual([`${lastChange - 1} failed`, 'a:1', `+b ${lastChange}`, 'live'])
    expect(node.errors).toMatchObject([{ error: new Error('secret detail'), context: { stage: 'snapshot' } }])
    expect(node.manager.stats().cohorts).toBe(1)
  })

  it('is tried again while the backplane does not answer', async () => {
    const memory = new MemoryBackplane()
    const node = createHarness({ events, backplane: memory })
    const client = await node.connect(open, undefined, ['a'])
    const subscribe = vi.spyOn(memory, 'subscribe').mockRejectedValue(new Error('down') as never)
    await post(client, node, ['a', 'b'])
    expect(after(client)).toEqual([])
    subscribe.mockRestore()
    node.clock.advance(1_000)
    await node.calm()
    expect(after(client)).toEqual([`+b ${lastChange}`, 'live'])
  })

  it('leaves nothing behind when the client leaves in the middle', async () => {
    const node = createHarness({ events })
    const options: Options = {
      ...open,
      snapshot: (_context, { channels, signal }) =>
        channels.includes('b')
          ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
          : { events: [] },
    }
    const client = await node.connect(options, undefined, ['a'])
    await post(client, node, ['a', 'b'])
    expect(node.manager.stats()).toMatchObject({ cohorts: 2 })
    client.sink.destroy()
    await node.calm()
    expect(node.manager.stats()).toMatchObject({ cohorts: 0, connections: 0, errors: 0, pendingAdmissions: 0 })
  })

  it('ends with a shutdown', async () => {
    const node = createHarness({ events })
    const options: Options = {
      ...open,
      snapshot: (_context, { channels }) => (channels.includes('b') ? new Promise(() => {}) : { events: [] }),
    }
    const client = await node.connect(options, undefined, ['a'])
    await post(client, node, ['a', 'b'])
    const closed = node.manager.close()
    await node.calm()
    await closed
    expect(after(client)).toEqual(['close shutdown true'])
    const answer = await node.manager.answerControl({ raw: undefined, body: { ...opened(client), channels: [] } }, open)
    expect(answer.status).toBe(503)
  })
})

describe('a change that is not allowed', () => {
  async function start(options: Options = as('ada')) {
    const node = createHarness({ events })
    const client = await node.connect(options, undefined, ['a'])
    const unchanged = async () => {
      await log(node, 'b', 'secret')
      await node.calm()
      expect(after(client)).toEqual([])
      expect(node.errors).toEqual([])
    }
    return { node, client, unchanged }
  }

  it.each([
    ['with a wrong secret', as('ada'), { control: 'x'.repeat(22) }],
    ['with a secret of another length', as('ada'), { control: 'x' }],
    ['by somebody else', as('eve'), {}],
    ['by nobody', open, {}],
  ])('is ignored %s, and answered like any other', async (_, options, fields) => {
    const { node, client, unchanged } = await start()
    expect(await post(client, node, ['b'], { options, ...fields })).toBe(202)
    await unchanged()
  })

  it('is ignored for a stream that is not changeable', async () => {
    const { node, client, unchanged } = await start(as('ada', { ...open, changeable: false }))
    expect(opened(client).control).toBeUndefined()
    expect(await post(client, node, ['b'], { options: as('ada'), control: 'undefined' })).toBe(202)
    await unchanged()
  })

  it.each<[string, number, Options]>([
    ['401 if nobody is signed in', 401, { ...open, authorize: () => ({ context: undefined }) }],
    ['403 if authorize refuses', 403, { ...open, authorize: () => false }],
    ['403 if the route grants no channel', 403, { ...as('ada'), channels: () => [] }],
    ['403 if it grants a reserved channel', 403, { ...as('ada'), channels: () => ['rivulet:control'] }],
    [
      '401 if the credential has expired',
      401,
      { ...open, authorize: () => ({ context: 1, key: 'ada', expiresAt: 1 }) },
    ],
  ])('is answered with %s', async (_, status, options) => {
    const { node, client, unchanged } = await start()
    expect(await post(client, node, ['b'], { options })).toBe(status)
    await unchanged()
  })

  it('is answered with 404 for a connection that nobody has', async () => {
    const { node, client } = await start()
    expect(await post(client, node, ['b'], { connectionId: 'nobody-1' })).toBe(404)
    client.sink.destroy()
    await node.calm()
    expect(await post(client, node, ['b'])).toBe(404)
  })

  it('is answered with 500 without details if a function of the route fails', async () => {
    const { node, client } = await start()
    const failing = () => {
      throw new Error('secret detail')
    }
    const body = { ...opened(client), channels: ['b'] }
    const answer = await node.manager.answerControl({ raw: undefined, body }, { channels: failing })
    expect(answer).toMatchObject({ status: 500, body: '' })
    expect(node.errors).toMatchObject([{ context: { stage: 'channels' } }])
  })

  it('counts within limits of its own', async () => {
    const node = createHarness({ events, limits: { maxConnections: 1 } })
    const client = await node.connect(open, undefined, ['a'])
    const never = { ...open, authorize: () => new Promise<boolean>(() => {}) }
    const body = { ...opened(client), channels: ['b'] }
    void node.manager.answerControl({ raw: undefined, body }, never)
    expect((await node.manager.answerControl({ raw: undefined, body }, open)).status).toBe(503)
    node.clock.advance(10_000)
    await node.calm()
    expect(await post(client, node, ['b'])).toBe(202)
  })
})

describe('a disconnect', () => {
  it.each<[string, (node: Node) => void]>([
    ['by selector', ({ manager }) => void manager.disconnect({ channel: 'b' }, 'closed')],
    ['by a function', ({ manager }) => void manager.disconnect(({ channels }) => channels.includes('b'), 'closed')],
    ['on every node', ({ manager }) => void manager.disconnectEverywhere({ channel: 'b' }, 'closed')],
  ])('%s ends a stream that is about to get the channel', async (_, disconnect) => {
    const node = createHarness({ events })
    const options: Options = {
      ...open,
      snapshot: (_context, { channels }) => (channels.includes('b') ? new Promise(() => {}) : { events: [] }),
    }
    const client = await node.connect(options, undefined, ['a'])
    await post(client, node, ['a', 'b'])
    disconnect(node)
    await node.calm()
    expect(after(client)).toEqual(['close closed false'])
  })

  it.each<[string, (node: Node) => unknown, string[]]>([
    ['on this node', ({ manager }) => manager.disconnect({ channel: 'b' }, 'closed'), []],
    ['on every node', ({ manager }) => manager.disconnectEverywhere({ channel: 'b' }, 'closed'), []],
    ['a leave', ({ manager }) => manager.leave({ channel: 'a' }, 'b'), ['+c 1', 'live']],
  ])('holds for a change that is being authorized: %s', async (_, order, expected) => {
    const node = createHarness({ events })
    const client = await node.connect(open, undefined, ['a'])
    let allow: (allowed: boolean) => void = () => {}
    const options = { ...open, authorize: () => new Promise<boolean>((resolve) => (allow = resolve)) }
    const posted = post(client, node, ['a', 'b', 'c'], { options, change: 1 })
    await node.calm()
    await order(node)
    allow(true)
    await posted
    await node.calm()
    expect(after(client)).toEqual(expected)
  })
})

describe('join and leave', () => {
  function createNodes(count = 2) {
    const backplane = new MemoryBackplane()
    const nodes = Array.from({ length: count }, (_, seed) => createHarness({ events, backplane }, seed)) as [Node, Node]
    const calm = async () => {
      for (const node of [...nodes, ...nodes]) await node.calm()
    }
    return { nodes, calm }
  }

  it('change the matching streams on every node, with the replay of their routes', async () => {
    const { nodes, calm } = createNodes()
    await log(nodes[0], 'room', '1')
    const stream = { ...open, changeable: false, replay: 1 }
    const adas = await Promise.all(nodes.map(({ connect }) => connect(as('ada', stream))))
    const eve = await nodes[1].connect(as('eve', stream))
    await nodes[0].manager.join({ key: 'ada' }, 'room')
    await calm()
    await log(nodes[1], 'room', '2')
    await calm()
    await nodes[1].manager.leave({ key: 'ada' }, 'room')
    await log(nodes[1], 'room', '3')
    await calm()
    await log(nodes[1], 'default', '4')
    await calm()
    for (const ada of adas) expect(after(ada)).toEqual(['+room', 'room:1', 'live', 'room:2', '-room', 'default:4'])
    expect(after(eve)).toEqual(['default:4'])
  })

  it('leave a stream alone that was authorized later', async () => {
    const { nodes, calm } = createNodes()
    await nodes[0].manager.join({ key: 'ada' }, 'room')
    const ada = await nodes[1].connect(as('ada'))
    await calm()
    expect(after(ada)).toEqual([])
  })

  it('change a stream that was authorized but is not open yet', async () => {
    const { nodes, calm } = createNodes()
    let allow: () => void = () => {}
    const allowed = new Promise<{ context: string; key: string }>((resolve) => {
      allow = () => resolve({ context: 'ada', key: 'ada' })
    })
    const ada = nodes[0].connect({ ...open, authorize: () => allowed }, undefined, ['default', 'old'])
    await calm()
    await nodes[1].manager.join({ key: 'ada' }, 'room')
    await nodes[1].manager.leave({ key: 'ada' }, 'old')
    allow()
    await calm()
    await log(nodes[1], 'old', '1')
    await log(nodes[1], 'room', '1')
    await calm()
    expect(after(await ada)).toEqual(['+room -old', 'live', 'room:1'])
  })

  it('take a channel away at once, from a client that reads slowly too', async () => {
    const node = createHarness({ events, limits: { highWaterMarkBytes: 1_000 } })
    const client = await node.connect(as('ada'), undefined, ['a', 'room'])
    const take = client.sink.take.bind(client.sink)
    client.sink.take = () => {}
    for (let count = 0; count < 50; count++) {
      await log(node, 'a', `${count} ${'x'.repeat(400)}`)
      await node.calm()
    }
    await node.manager.leave({ key: 'ada' }, 'room')
    await log(node, 'room', 'secret')
    await log(node, 'room', 'secret', false)
    await log(node, 'a', 'last')
    await node.calm()
    expect([...node.manager.connections.values()]).toMatchObject([{ channels: ['a'], state: 'lagging' }])
    await node.manager.join({ key: 'ada' }, 'room')
    client.sink.take = take
    await node.calm()
    const told = after(client).filter((text) => !text.startsWith('a:'))
    expect(told.filter((text) => text !== 'gap undefined lagged')).toEqual(['-room', '+room', 'live'])
    expect(after(client)).toContain('a:last')
  })

  it('begin a channel anew that was left and joined at once', async () => {
    const { nodes, calm } = createNodes()
    const client = await nodes[0].connect(as('ada', { ...open, replay: 1 }), undefined, ['a', 'room'])
    await log(nodes[0], 'room', '1')
    await calm()
    await nodes[0].manager.leave({ key: 'ada' }, 'room')
    await log(nodes[0], 'room', '2')
    await nodes[0].manager.join({ key: 'ada' }, 'room')
    await calm()
    expect(after(client)).toEqual(['room:1', '+room -room', 'room:2', 'live'])
  })

  it('end a stream whose last channel is taken, and send it to its route', async () => {
    const { nodes, calm } = createNodes()
    const client = await nodes[0].connect(as('ada'), undefined, ['room'])
    await nodes[1].manager.leave({ channel: 'room' }, 'room')
    await calm()
    expect(after(client)).toEqual(['close no channels left true'])
  })

  it('send a client to its route if the channel’s state cannot be read', async () => {
    const { nodes, calm } = createNodes()
    const client = await nodes[0].connect({
      snapshot: (_context, { channels }) => {
        if (channels.includes('bad')) throw new Error('down')
        return { events: [] }
      },
    })
    await nodes[1].manager.join({ channel: 'default' }, 'bad')
    await calm()
    expect(after(client)).toEqual(['close change failed true'])
  })

  it.each([
    ['no selector', {}, 'room'],
    ['a selector without a value', { key: undefined }, 'room'],
    ['a reserved channel', { key: 'ada' }, 'rivulet:control'],
    ['no channel', { key: 'ada' }, undefined],
  ])('refuse %s', async (_, selector, channel) => {
    const { nodes } = createNodes(1)
    for (const move of ['join', 'leave'] as const) {
      await expect(nodes[0].manager[move](selector as never, channel as never)).rejects.toMatchObject({
        code: 'RIVULET_CONFIGURATION',
      })
    }
  })
})

describe('a change that is posted to another node', () => {
  function createNodes() {
    const backplane = new MemoryBackplane()
    onTestFinished(() => backplane.close())
    const nodes = [1, 2].map((seed) => createHarness({ events, backplane }, seed)) as [Node, Node]
    return { backplane, nodes }
  }

  it('reaches the node that has the stream', async () => {
    const { nodes } = createNodes()
    await log(nodes[0], 'b', '1')
    const client = await nodes[0].connect(as('ada', { ...open, replay: 1 }), undefined, ['a'])
    expect(await post(client, nodes[1], ['b'], { options: as('ada'), change: 9 })).toBe(202)
    await nodes[0].calm()
    expect(after(client)).toEqual(['+b -a 9', 'b:1', 'live'])
  })

  it('is ignored with a wrong secret, or by somebody else', async () => {
    const { nodes } = createNodes()
    const client = await nodes[0].connect(as('ada'), undefined, ['a'])
    expect(await post(client, nodes[1], ['b'], { options: as('eve') })).toBe(202)
    expect(await post(client, nodes[1], ['b'], { options: as('ada'), control: 'x'.repeat(22) })).toBe(202)
    await nodes[0].calm()
    expect(after(client)).toEqual([])
  })

  it('does not bring back what the application took away meanwhile', async () => {
    const { nodes } = createNodes()
    const client = await nodes[0].connect(as('ada'), undefined, ['a', 'b'])
    let allow: (admission: { context: string; key: string }) => void = () => {}
    const options = {
      ...open,
      authorize: () => new Promise<{ context: string; key: string }>((resolve) => (allow = resolve)),
    }
    const posted = post(client, nodes[1], ['a', 'b', 'c'], { options, change: 1 })
    await nodes[1].calm()
    await nodes[1].manager.leave({ key: 'ada' }, 'b')
    allow({ context: 'ada', key: 'ada' })
    await posted
    await nodes[0].calm()
    await log(nodes[1], 'b', 'secret')
    await nodes[0].calm()
    expect(after(client)).toEqual(['+c -b 1', 'live'])
  })

  it('ends the stream if its channel was closed meanwhile', async () => {
    const { nodes } = createNodes()
    const client = await nodes[0].connect(as('ada'), undefined, ['a'])
    let allow: (admission: { context: string; key: string }) => void = () => {}
    const options = {
      ...open,
      authorize: () => new Promise<{ context: string; key: string }>((resolve) => (allow = resolve)),
    }
    const posted = post(client, nodes[1], ['a', 'b'], { options })
    await nodes[1].calm()
    await nodes[1].manager.disconnectEverywhere({ channel: 'b' }, 'closed')
    allow({ context: 'ada', key: 'ada' })
    await posted
    await nodes[0].calm()
    expect(after(client)).toEqual(['close closed false'])
  })

  it('is asked for again if the node may have missed it', async () => {
    const { nodes, backplane } = createNodes()
    const subscribe = vi.spyOn(backplane, 'subscribe')
    const changeable = await nodes[0].connect(as('ada'), undefined, ['a'])
    const other = await nodes[0].connect({ channels: ['a'] })
    const [, relay] = subscribe.mock.calls.find(([channel]) => channel === 'rivulet:changes')!
    relay.onGap('rivulet:changes')
    await nodes[0].calm()
    expect(after(changeable)).toEqual(['close changes lost true'])
    expect(after(other)).toEqual([])
  })

  it('is closed to all streams and publishers', async () => {
    const { nodes } = createNodes()
    const spy = await nodes[0].connect({ channels: ['rivulet:changes'] })
    expect(spy.sink.status).toBe(403)
  })
})
