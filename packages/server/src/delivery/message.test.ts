import { defineEvents } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'

describe('events that cannot be sent', () => {
  const anything = defineEvents({ any: z.custom<object>() })
  const cycle: { self?: unknown } = {}
  cycle.self = cycle

  it.each([
    ['a BigInt', { big: 1n }, 'RIVULET_EVENT_NOT_SERIALIZABLE'],
    ['a cycle', cycle, 'RIVULET_EVENT_NOT_SERIALIZABLE'],
    [
      'a toJSON that throws',
      {
        toJSON: () => {
          throw new Error('no')
        },
      },
      'RIVULET_EVENT_NOT_SERIALIZABLE',
    ],
    ['an array', [1], 'RIVULET_EVENT_NOT_SERIALIZABLE'],
    ['a date', new Date(0), 'RIVULET_EVENT_NOT_SERIALIZABLE'],
    ['nothing', null, 'RIVULET_EVENT_INVALID'],
    ['a reserved key', { id: 1 }, 'RIVULET_RESERVED_KEY'],
    ['a channel of its own', { channel: 'other' }, 'RIVULET_RESERVED_KEY'],
  ])('because of %s are refused, and nobody receives anything', async (_, payload, code) => {
    const { manager, connect, calm } = createHarness({ events: anything })
    const client = await connect()
    await expect(manager.publish('any', payload as object)).rejects.toMatchObject({ code })
    await manager.publish('any', {})
    await calm()
    expect(client.messages).toHaveLength(2)
  })

  it('do not forge the event’s own fields', async () => {
    const { manager, connect, calm } = createHarness({ events: anything })
    const client = await connect()
    await manager.publish('any', { toJSON: () => ({ source: 'forged', timestamp: 1 }) })
    await calm()
    expect(JSON.parse(client.messages[1]!.data)).toMatchObject({ source: 'server' })
  })
})

describe('an event', () => {
  const note = defineEvents({ note: z.object({}) })
  const channelsOf = (messages: readonly { data: string }[]) =>
    messages.slice(1).map(({ data }) => JSON.parse(data).channel)

  it('names its channel, live, from the log and to filters, unless that is the default one', async () => {
    const { manager, connect, calm } = createHarness({ events: note })
    const channels = ['default', 'room:"ü"']
    const filtered: unknown[] = []
    const filter = ({ channel }: { channel?: string }) => filtered.push(channel) > 0
    const live = await connect({ channels })
    for (const channel of channels) await manager.publish('note', {}, { channel })
    await calm()
    const late = await connect({ channels, replay: 2, filter })
    expect(channelsOf(live.messages)).toEqual([undefined, 'room:"ü"'])
    expect(channelsOf(late.messages)).toEqual([undefined, 'room:"ü"'])
    expect(filtered).toEqual([undefined, 'room:"ü"'])
  })
})
