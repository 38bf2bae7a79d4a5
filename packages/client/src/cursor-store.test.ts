import { afterEach, describe, expect, test, vi } from 'vitest'
import { until, useHarness } from '../test/harness.js'
import { frame } from '../test/sse-server.js'
import { ConfigurationError, EventStreamService } from './index.js'

const harness = useHarness()

class MemoryStorage {
  readonly entries = new Map<string, string>()
  readonly getItem = vi.fn((key: string) => this.entries.get(key) ?? null)
  readonly setItem = vi.fn((key: string, value: string) => void this.entries.set(key, value))
}

afterEach(() => {
  vi.unstubAllGlobals()
})

async function receive(stream: EventStreamService, id: string) {
  await harness.server.open()
  harness.server.stream.write(frame('tick', {}, id))
  await until(() => stream.lastEventId === id)
}

describe('a persisted stream', () => {
  test('continues where the page before it ended', async () => {
    const { createStream, server } = harness
    const storage = new MemoryStorage()
    const persist = { storage, key: 'user 1' }
    const before = createStream({ persist })
    before.connect()
    await receive(before, '41')
    before.close()
    expect([...storage.entries]).toEqual([['user 1', '41']])
    await server.open(0)

    const after = createStream({ persist })
    after.connect()
    await server.open()
    expect(server.cursors).toEqual([undefined, '41'])
    expect(after.lastEventId).toBe('41')
  })

  test('saves once a second while it is open, and when it closes, whatever comes', async () => {
    const { createStream, clock } = harness
    const storage = new MemoryStorage()
    const stream = createStream({ persist: { storage } })
    stream.connect()
    for (const id of ['1', '2', '3']) await receive(stream, id)
    expect(storage.setItem).not.toHaveBeenCalled()
    clock.advance(1_000)
    expect([...storage.entries]).toEqual([[`rivulet:${harness.server.url}`, '3']])
    clock.advance(10_000)
    expect(storage.setItem).toHaveBeenCalledTimes(1)
    await receive(stream, '4')
    stream.close()
    expect([...storage.entries.values()]).toEqual(['4'])
    expect(clock.pending).toEqual([])
  })

  test('uses the page’s sessionStorage by default, and nothing where there is none', async () => {
    const { createStream } = harness
    const without = createStream({ persist: true })
    without.connect()
    await receive(without, '1')
    without.close()
    await harness.server.open(0)

    const storage = new MemoryStorage()
    vi.stubGlobal('sessionStorage', storage)
    vi.stubGlobal('document', Object.assign(new EventTarget(), { baseURI: harness.server.url }))
    const stream = createStream({ persist: true })
    stream.connect()
    await receive(stream, '2')
    stream.close()
    expect([...storage.entries.values()]).toEqual(['2'])
  })

  test('lets the option decide where to begin', async () => {
    const storage = new MemoryStorage()
    storage.entries.set('k', '1')
    harness.createStream({ lastEventId: '5', persist: { storage, key: 'k' } }).connect()
    await harness.server.open()
    expect(harness.server.cursors).toEqual(['5'])
  })

  test('goes on without a storage that fails, and says so once', async () => {
    const { createStream, clock } = harness
    const storage = new MemoryStorage()
    storage.setItem.mockImplementation(() => {
      throw new Error('quota')
    })
    const stream = createStream({ persist: { storage } })
    const errors: unknown[] = []
    stream.onError((error) => errors.push(error))
    stream.connect()
    await receive(stream, '1')
    clock.advance(5_000)
    await receive(stream, '2')
    clock.advance(5_000)
    expect(errors).toEqual([new Error('quota')])
    expect(stream.status).toBe('open')
  })

  test('needs a key where the URL is a function', () => {
    expect(() => new EventStreamService({ url: () => '/', persist: true })).toThrow(ConfigurationError)
  })
})
