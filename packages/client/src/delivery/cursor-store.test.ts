import { afterEach, describe, expect, test, vi } from 'vitest'
import { until, useHarness } from '../../test/harness.js'
import { frame, openFrame } from '../../test/sse-server.js'
import { ConfigurationError, EventStreamService } from '../index.js'

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
  test('continues where the previous page ended', async () => {
    const { createStream, server } = harness
    const storage = new MemoryStorage()
    const persist = { storage, key: 'user 1' }
    const before = createStream({ persist })
    before.connect()
    await receive(before, '41')
    before.close()
    expect([...storage.entries.values()]).toEqual(['41'])
    await server.open(0)

    const after = createStream({ persist })
    after.connect()
    await server.open()
    expect(server.cursors).toEqual([undefined, '41'])
    expect(after.lastEventId).toBe('41')
  })

  test('saves once a second while open, and when it closes', async () => {
    const { createStream, clock } = harness
    const storage = new MemoryStorage()
    const stream = createStream({ persist: { storage } })
    stream.connect()
    for (const id of ['1', '2', '3']) await receive(stream, id)
    expect(storage.setItem).not.toHaveBeenCalled()
    clock.advance(1_000)
    expect([...storage.entries.values()]).toEqual(['3'])
    clock.advance(10_000)
    expect(storage.setItem).toHaveBeenCalledTimes(1)
    await receive(stream, '4')
    stream.close()
    expect([...storage.entries.values()]).toEqual(['4'])
    expect(clock.pending).toEqual([])
  })

  test('uses the page’s sessionStorage by default, if there is one', async () => {
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

  test('prefers the lastEventId option', async () => {
    const storage = new MemoryStorage()
    storage.getItem.mockReturnValue('1')
    harness.createStream({ lastEventId: '5', persist: { storage, key: 'k' } }).connect()
    await harness.server.open()
    expect(harness.server.cursors).toEqual(['5'])
  })

  test('continues if its storage fails, and reports it once', async () => {
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

  test('loses nothing of a slow loop across a reload', async () => {
    const { createStream, server, clock } = harness
    const entries = new Map<string, string>()
    const read: string[] = []
    const page = async (count: number) => {
      const storage = { getItem: (key: string) => entries.get(key) ?? null, setItem: entries.set.bind(entries) }
      const stream = createStream({ persist: { storage } })
      const handled = vi.fn()
      stream.onAny(handled)
      const loop = stream.events()
      while (read.length < count) read.push((await loop.next()).value?.id as string)
      await until(() => handled.mock.calls.at(-1)?.[0].id === '20')
      // The page disappears without an event, so the last saved cursor counts.
      clock.advance(1_000)
    }
    server.answer = ({ headers }, response) => {
      server.accept(response)
      for (let n = Number(headers['last-event-id'] ?? 0) + 1; n <= 20; n++) response.write(frame('tick', {}, `${n}`))
    }
    await page(3)
    await page(10)
    await page(20)
    expect(read.map(Number)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
  })

  test('waits a minute for the next loop after one was left', async () => {
    const { createStream, server, clock } = harness
    const storage = new MemoryStorage()
    const saved = () => storage.entries.values().next().value
    const stream = createStream({ persist: { storage } })
    const handled = vi.fn()
    stream.onAny(handled)
    stream.connect()
    const loop = stream.events()
    await server.open()
    for (let n = 1; n <= 9; n++) server.stream.write(frame('tick', {}, `${n}`))
    await until(() => handled.mock.calls.length === 9)
    await loop.next()
    await loop.return()
    clock.advance(59_000)
    expect(saved()).toBe('1')
    clock.advance(1_000)
    expect(saved()).toBe('9')
    // The next loop still gets everything, and counts again.
    const next = stream.events()
    clock.advance(1_000)
    expect(saved()).toBe('1')
    for (let n = 2; n <= 9; n++) expect((await next.next()).value?.id).toBe(`${n}`)
    clock.advance(1_000)
    expect(saved()).toBe('9')
  })

  test('waits no more once the next loop took over', async () => {
    const { createStream, server, clock } = harness
    const storage = new MemoryStorage()
    const stream = createStream({ persist: { storage } })
    stream.connect()
    await server.open()
    const loop = stream.events()
    for (let n = 1; n <= 2; n++) server.stream.write(frame('tick', {}, `${n}`))
    for await (const { id } of loop) if (id === '1') break
    const next = stream.events()
    expect((await next.next()).value?.id).toBe('2')
    clock.advance(1_000)
    expect([...storage.entries.values()]).toEqual(['2'])
  })

  test('has a separate entry for each kind of stream', async () => {
    const { createStream, server } = harness
    const storage = new MemoryStorage()
    const all = [
      {},
      { method: 'PUT' },
      { body: 'a' },
      { body: 'b' },
      { credentials: 'include' as const },
      { url: `${server.url}?x` },
    ]
    for (const [index, options] of all.entries()) {
      for (const key of [undefined, 'alice', 'bob']) {
        const stream = createStream({ persist: { storage, key }, ...options })
        stream.connect()
        await receive(stream, `${index}${key}`)
        stream.close()
        await server.open(0)
      }
    }
    expect(storage.entries.size).toBe(3 * all.length)
  })

  test('shares its entry with an equal stream on the page: the slower one decides, and nothing is lost', async () => {
    const { createStream, server, clock } = harness
    const storage = new MemoryStorage()
    const [slow, fast] = [createStream({ persist: { storage } }), createStream({ persist: { storage } })]
    const opened = openFrame({ heartbeatMs: 0 })
    fast.connect()
    await server.open()
    server.stream.write(opened + frame('tick', {}, '10'))
    await until(() => fast.lastEventId === '10')
    slow.connect()
    await server.open(2)
    server.stream.write(opened + frame('tick', {}, '9'))
    await until(() => slow.lastEventId === '9')
    for (let second = 0; second < 3; second++) {
      clock.advance(1_000)
      expect([...storage.entries.values()]).toEqual(['9'])
    }
    server.stream.write(frame('tick', {}, 'z'))
    await until(() => slow.lastEventId === 'z')
    clock.advance(1_000)
    expect([...storage.entries.values()]).toEqual(['z'])
    slow.close()
    clock.advance(1_000)
    expect([...storage.entries.values()]).toEqual(['10'])
  })

  test('shares its entry if IDs have no order, too: it moves once both streams are at the same event', async () => {
    const { createStream, server, clock } = harness
    const storage = new MemoryStorage()
    const [slow, fast] = [createStream({ persist: { storage } }), createStream({ persist: { storage } })]
    const send = (id: string) => {
      for (const stream of server.streams) stream.write(`id: ${id}\ndata: {}\n\n`)
    }
    slow.connect()
    fast.connect()
    await server.open(2)
    send('f0')
    for (const stream of [slow, fast]) await until(() => stream.lastEventId === 'f0')
    clock.advance(1_000)
    expect([...storage.entries.values()]).toEqual(['f0'])
    const loop = slow.messages()
    for (const id of ['a1', 'c3', 'b2']) send(id)
    await until(() => fast.lastEventId === 'b2')
    for (let read = 0; read < 3; read++) {
      clock.advance(1_000)
      expect([...storage.entries.values()]).toEqual(['f0'])
      await loop.next()
    }
    clock.advance(1_000)
    expect([...storage.entries.values()]).toEqual(['b2'])
  })

  test.each([
    ['answers later', { getItem: async () => '1', setItem: async () => Promise.reject(new Error('later')) }],
    ['gives no text', { getItem: () => 5, setItem: () => {} }],
  ])('begins at the present if its storage %s', async (_, storage) => {
    const { createStream, server, clock } = harness
    const stream = createStream({ persist: { storage: storage as never } })
    stream.connect()
    await receive(stream, '1')
    clock.advance(1_000)
    expect(server.cursors).toEqual([undefined])
  })

  test('needs a key if the URL or the body is a function', () => {
    for (const options of [{ url: () => '/' }, { url: '/', body: () => 'x' }]) {
      expect(() => new EventStreamService({ ...options, persist: true })).toThrow(ConfigurationError)
      expect(new EventStreamService({ ...options, persist: { key: 'x' } }).status).toBe('idle')
    }
  })
})
