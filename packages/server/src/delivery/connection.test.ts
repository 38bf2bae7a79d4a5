import { defineEvents, type SseMessage } from '@rivulet/core'
import { describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { createHarness } from '../../test/harness.js'
import { dataOf } from '../../test/stream-client.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })
const texts = (messages: readonly SseMessage[]) => dataOf(messages, 'log').map(({ message }) => message)

describe('a connection that fails', () => {
  it('is ended without affecting others, and reported', async () => {
    const { manager, connect, calm, errors } = createHarness({ events })
    const [before, failing, after] = [await connect(), await connect(), await connect()]
    const error = new Error('broken pipe')
    failing.sink.write = () => {
      throw error
    }
    await manager.publish('log', { message: '1' })
    await calm()
    expect(texts(before.messages)).toEqual(['1'])
    expect(texts(after.messages)).toEqual(['1'])
    expect(errors).toMatchObject([{ error, context: { stage: 'write' } }])
    expect(manager.stats()).toMatchObject({ connections: 2, closed: 1 })
  })

  it('does not stop the others, even if onError fails too', async () => {
    const consoleError = vi.spyOn(console, 'error').mockImplementation(() => {})
    const onError = () => {
      throw new Error('onError')
    }
    const { manager, connect, calm } = createHarness({ events, onError })
    const [failing, other] = [await connect(), await connect()]
    failing.sink.write = () => {
      throw new Error('broken pipe')
    }
    await manager.publish('log', { message: '1' })
    await calm()
    expect(texts(other.messages)).toEqual(['1'])
    expect(consoleError).toHaveBeenCalledTimes(2)
    consoleError.mockRestore()
  })

  it('may do so in the middle of a flush, while others come and go', async () => {
    const { manager, connect, calm } = createHarness({ events })
    const clients = [await connect(), await connect(), await connect(), await connect()]
    clients[1]!.sink.onWrite = () => {
      clients[0]!.sink.destroy()
      clients[2]!.sink.destroy()
    }
    await manager.publish('log', { message: '1' })
    const joining = connect()
    await calm()
    await manager.publish('log', { message: '2' })
    await calm()
    expect(texts(clients[3]!.messages)).toEqual(['1', '2'])
    expect(texts((await joining).messages).at(-1)).toBe('2')
    expect(manager.stats()).toMatchObject({ connections: 3 })
  })

  it('may be ended during a flush, by a callback', async () => {
    const { manager, connect, calm } = createHarness({ events })
    const before = await connect()
    const [id] = manager.connections.keys()
    const asked = await connect({
      filter: () => {
        manager.disconnect((connection) => connection.id === id, 'enough')
        return true
      },
    })
    await manager.publish('log', { message: '1' })
    await manager.publish('log', { message: '2' })
    await calm()
    expect(texts(before.messages)).toEqual(['1', '2'])
    expect(texts(asked.messages)).toEqual(['1', '2'])
    expect(manager.stats()).toMatchObject({ connections: 1, errors: 0 })
  })
})
