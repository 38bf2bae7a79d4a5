import { defineEvents } from '@rivulet/core'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../test/harness.js'
import { MemoryBackplane } from './backplane/memory-backplane.js'
import type { PublishEventOptions } from './publish-options.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

describe('publish', () => {
  it.each([
    ['timestamp', Number.NaN],
    ['timestamp', Number.POSITIVE_INFINITY],
    ['timestamp', '1,"admin":true'],
    ['timestamp', null],
    ['timestamp', new Date(0)],
    ['timestamp', 1n],
    ['timestamp', Symbol('now')],
    ['source', 7],
    ['source', null],
    ['source', Symbol('me')],
    ['channel', ''],
    ['channel', 7],
    ['channel', ['a']],
    ['channel', Symbol('a')],
    ['channel', 'half \ud800'],
    ['channel', 'rivulet:control'],
    ['idempotencyKey', ''],
    ['idempotencyKey', '\udc00'],
    ['idempotencyKey', 7],
    ['idempotencyKey', {}],
    ['transaction', null],
    ['transaction', 'BEGIN'],
    ['transaction', 0],
  ])('refuses as %s: %o', async (option, value) => {
    const { manager, connect, calm, errors } = createHarness({ events })
    const client = await connect({ replay: 10 })
    const options = { [option]: value } as PublishEventOptions
    await expect(manager.publish('log', { message: 'm' }, options)).rejects.toMatchObject({
      code: 'RIVULET_CONFIGURATION',
      option,
      value,
    })
    expect(() => manager.emit('log', { message: 'm' }, options)).not.toThrow()
    await calm()
    expect(errors).toMatchObject([{ context: { stage: 'emit', type: 'log' } }])
    expect(client.messages.map(({ event }) => event)).toEqual(['rivulet:open'])
    expect((await connect({ replay: 10 })).messages).toHaveLength(1)
  })

  it('refuses a transaction in which the backplane cannot take part', async () => {
    const { manager, connect, calm, errors } = createHarness({ events })
    const client = await connect()
    const transaction = { query: async () => ({ rows: [] }) }
    const error = { name: 'TransactionUnsupportedError', code: 'RIVULET_TRANSACTION_UNSUPPORTED' }
    await expect(manager.publish('log', { message: 'm' }, { transaction })).rejects.toMatchObject(error)
    manager.channel('default').emit('log', { message: 'm' }, { transaction })
    await calm()
    expect(errors).toMatchObject([{ error, context: { stage: 'emit' } }])
    expect(client.messages.map(({ event }) => event)).toEqual(['rivulet:open'])
  })

  it('hands a transaction to a backplane that takes part in it', async () => {
    const backplane = Object.assign(new MemoryBackplane(), { transactional: true })
    const { manager } = createHarness({ events, backplane })
    const publish = vi.spyOn(backplane, 'publish').mockReturnValue({ position: undefined, duplicate: false })
    const transaction = { unsafe: async () => [] }
    const published = await manager.publish('log', { message: 'm' }, { transaction, idempotencyKey: 'k' })
    expect(published).toEqual({ id: undefined, channel: 'default', duplicate: false })
    expect(publish.mock.lastCall?.[2]).toEqual({ retain: true, idempotencyKey: 'k', transaction })
  })

  it('and the cursor that the transaction sees comes from that backplane', async () => {
    const plain = createHarness({ events }).manager
    const transaction = { unsafe: async () => [] }
    await expect(plain.cursor({ transaction })).rejects.toMatchObject({ code: 'RIVULET_TRANSACTION_UNSUPPORTED' })
    const storedPosition = vi.fn(async () => 36)
    const backplane = Object.assign(new MemoryBackplane(), { transactional: true, storedPosition })
    const { manager } = createHarness({ events, backplane })
    expect(await manager.cursor({ transaction })).toBe('10')
    expect(storedPosition).toHaveBeenCalledWith(transaction)
  })

  it('takes any finite timestamp, and any string as source', async () => {
    const { manager, connect, calm } = createHarness({ events })
    const client = await connect()
    const source = '",\n"admin":true'
    await manager.publish('log', { message: 'm' }, { timestamp: -1.5e300, source })
    await calm()
    expect(JSON.parse(client.messages[1]!.data)).toEqual({ message: 'm', timestamp: -1.5e300, source })
  })

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['a name that only looks like one', { toString: () => 'log' }],
    ['a definition without a name', { type: { toString: () => 'log' } }],
  ])('refuses as an event %s', async (_, event) => {
    const { manager, calm, errors } = createHarness({ events })
    await expect(manager.publish(event as never, { message: 'm' })).rejects.toMatchObject({ option: 'event' })
    manager.emit(event as never, { message: 'm' })
    manager.channel('a').emit(event as never, { message: 'm' })
    await calm()
    expect(errors).toMatchObject([{ context: { channel: 'default' } }, { context: { channel: 'a' } }])
  })
})

describe('emit', () => {
  it.each([
    ['null', null],
    [
      'options with a getter that throws',
      {
        get channel() {
          throw new Error('private')
        },
      },
    ],
  ])('never throws, with %s for options', async (_, options) => {
    const { manager, calm, errors } = createHarness({ events })
    manager.emit('log', { message: 'm' }, options as never)
    await calm()
    expect(errors).toMatchObject([{ context: { stage: 'emit', type: 'log' } }])
  })
})

describe('new EventManager', () => {
  it.each([7, null, Symbol('me')])('refuses %o as source', (source) => {
    expect(() => createHarness({ events, source: source as never })).toThrow('source')
  })

  it.each([0, -1, Number.NaN])('refuses %o as callbackTimeoutMs', (callbackTimeoutMs) => {
    expect(() => createHarness({ events, callbackTimeoutMs })).toThrow('callbackTimeoutMs')
  })
})

describe('a cursor', () => {
  it('is before every later event, and not before an earlier one', async () => {
    const { manager, connect, calm } = createHarness({ events })
    const cursors = [await manager.cursor()]
    for (const message of ['a', 'b', 'c']) {
      await manager.publish('log', { message })
      cursors.push(await manager.cursor())
    }
    for (const [index, expected] of [['a', 'b', 'c'], ['b', 'c'], ['c'], []].entries()) {
      const client = await connect({}, cursors[index])
      await calm()
      const [open, ...rest] = client.messages
      expect(JSON.parse(open!.data)).toMatchObject({ recovered: true })
      expect(rest.map(({ data }) => JSON.parse(data).message)).toEqual(expected)
    }
  })

  it('is not given by a closed manager', async () => {
    const { manager } = createHarness({ events })
    await manager.close()
    await expect(manager.cursor()).rejects.toMatchObject({ code: 'RIVULET_MANAGER_CLOSED' })
  })
})
