import { type ChannelsEvent, encodeControlEvent } from '@rivulet/core'
import { afterEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../../testing/src/fake-clock.js'
import { FakeConnection } from '../../../testing/src/fake-connection.js'
import { fakeResponse } from '../../../testing/src/fake-response.js'
import { settled } from '../../test/channel-world.js'
import { frame, openFrame } from '../../test/sse-server.js'
import { ConfigurationError, EventStreamService, type EventStreamServiceOptions } from '../index.js'

const streams: EventStreamService[] = []

afterEach(() => {
  for (const stream of streams.splice(0)) stream.close()
})

/** A stream whose server the test plays frame by frame. */
function setup(options: Partial<EventStreamServiceOptions> = {}) {
  const clock = new FakeClock()
  const requests: { url: string; init: RequestInit }[] = []
  let line!: FakeConnection
  let refusesEmpty = false
  let answer: () => Response | Promise<Response> = () => fakeResponse(202)
  const stream = new EventStreamService({
    url: 'https://api.test/events?token=t',
    clock,
    fetch: async (input, init) => {
      requests.push({ url: String(input), init })
      if (init.method === 'POST') return answer()
      if (refusesEmpty && String(input).endsWith('channel=')) return fakeResponse(403)
      line = new FakeConnection(init.signal)
      return fakeResponse(200, line)
    },
    ...options,
  })
  streams.push(stream)
  const received: string[] = []
  const errors: unknown[] = []
  stream.onAny((event) => void received.push(`${event.replayed ? '+' : ''}${(event as { n?: string }).n} ${event.id}`))
  stream.onGap(({ channel, reason }) => void received.push(`gap ${channel} ${reason}`))
  stream.onError((error) => void errors.push(error))
  const write = async (...frames: string[]) => {
    void line.write(frames.join(''))
    await settled()
  }
  return {
    stream,
    clock,
    requests,
    received,
    errors,
    answer: (next: () => Response | Promise<Response>) => {
      answer = next
    },
    refuseEmpty: () => {
      refusesEmpty = true
    },
    write,
    /** Connects, and opens the stream at a position. */
    open: async (id?: string) => {
      stream.connect()
      if (stream.state.retryAt) clock.advance(stream.state.retryAt - clock.now())
      await settled()
      const open = openFrame({ connectionId: `c${requests.length}`, control: 'secret', heartbeatMs: 0 })
      await write(id === undefined ? open : `id: ${id}\n${open}`)
    },
    drop: async () => {
      line.drop()
      await settled()
    },
    bodies: () => requests.flatMap(({ init }) => (init.method === 'POST' ? JSON.parse(init.body as string) : [])),
    queries: () => requests.filter(({ init }) => init.method !== 'POST').map(({ url }) => new URL(url).search),
  }
}

const event = (n: string, id: string | undefined, channel = 'default') => frame('tick', { n, channel }, id)
const changed = (fields: Partial<ChannelsEvent>) =>
  encodeControlEvent({ type: 'rivulet:channels', added: [], removed: [], ...fields })
const live = (id: string, change?: number) => encodeControlEvent({ type: 'rivulet:live', change }, { id })
const isPending = async (promise: Promise<unknown>) => {
  const isSettled = promise.then(() => false)
  return Promise.race([isSettled, settled().then(() => true)])
}

describe('a request', () => {
  it('has the names of the channels, and none without the option', async () => {
    for (const [channels, query] of [
      [undefined, '?token=t'],
      [[], '?token=t&channel='],
      [['b:1', 'a', 'b:1'], '?token=t&channel=a&channel=b%3A1'],
    ] as const) {
      const { open, queries } = setup({ channels })
      await open()
      expect(queries()).toEqual([query])
    }
  })

  it('has the names that were set before it', async () => {
    const { stream, open, queries, requests } = setup({ channels: ['a'] })
    await stream.setChannels(['b'])
    await open('1')
    expect(queries()).toEqual(['?token=t&channel=b'])
    expect(await stream.setChannels(['b'])).toBeUndefined()
    expect(requests).toHaveLength(1)
  })
})

describe('a change', () => {
  it('is posted beside the stream, and is in effect when the history of the added channels is over', async () => {
    const { stream, open, write, requests, bodies, received } = setup({
      channels: ['a'],
      credentials: 'include',
      headers: { authorization: 'Bearer x' },
    })
    await open('9')
    const set = stream.setChannels(['b', 'a'])
    await settled()
    const { url, init } = requests[1]!
    expect(url).toBe('https://api.test/events/control?token=t')
    expect(init).toMatchObject({ method: 'POST', credentials: 'include' })
    expect(Object.fromEntries(init.headers as Headers)).toMatchObject({
      authorization: 'Bearer x',
      'content-type': 'application/json',
    })
    expect(bodies()).toEqual([{ connectionId: 'c1', control: 'secret', channels: ['a', 'b'], after: {}, change: 1 }])
    await write(event('1', 'a1', 'a'), changed({ added: ['b'], change: 1 }))
    await write(event('2', '5', 'b'), event('3', 'a2', 'a'), event('3', 'a2', 'a'), event('4', undefined, 'b'))
    expect(stream.lastEventId).toBe('a2')
    expect(await isPending(set)).toBe(true)
    await write(event('5', '6', 'b'), event('5', '6', 'b'), live('a3', 1))
    expect(await isPending(set)).toBe(false)
    expect(stream.lastEventId).toBe('a3')
    expect(received).toEqual(['1 a1', '+2 5', '3 a2', '+4 undefined', '+5 6'])
  })

  it('that adds nothing is in effect at once', async () => {
    const { stream, open, write } = setup({ channels: ['a', 'b'] })
    await open('9')
    const set = stream.setChannels(['a'])
    expect(await isPending(set)).toBe(true)
    await write(changed({ removed: ['b'], change: 1 }))
    expect(await isPending(set)).toBe(false)
  })

  it('supersedes earlier ones; one is sent at a time', async () => {
    const { stream, open, write, bodies, answer } = setup({ channels: [] })
    await open('9')
    let release = () => {}
    answer(() => new Promise((resolve) => (release = () => resolve(fakeResponse(202)))))
    const sets = [['a'], ['a', 'b'], ['c']].map((names) => stream.setChannels(names))
    await settled()
    expect(bodies()).toHaveLength(1)
    release()
    await settled()
    expect(bodies()).toMatchObject([
      { channels: ['a'], change: 1 },
      { channels: ['c'], change: 2 },
    ])
    await write(changed({ added: ['a'], change: 1 }), live('a', 1))
    expect(await isPending(sets[0]!)).toBe(true)
    await write(changed({ added: ['c'], removed: ['a'], change: 2 }), live('b', 2))
    for (const set of sets) expect(await isPending(set)).toBe(false)
  })

  it('is sent in two if a channel was removed and added again meanwhile, so that it begins anew', async () => {
    const { stream, open, write, bodies, answer, received } = setup({ channels: ['a', 'b'] })
    await open('9')
    let release = () => {}
    answer(() => new Promise((resolve) => (release = () => resolve(fakeResponse(202)))))
    const sets = [['a', 'b', 'c'], ['a'], ['a', 'b']].map((names) => stream.setChannels(names))
    await settled()
    release()
    await settled()
    expect(bodies()).toMatchObject([
      { channels: ['a', 'b', 'c'], change: 1 },
      { channels: ['a'], change: 2 },
    ])
    release()
    await write(changed({ added: ['c'], change: 1 }), live('a', 1), changed({ removed: ['b', 'c'], change: 2 }))
    expect(bodies().slice(2)).toMatchObject([{ channels: ['a', 'b'], after: {}, change: 3 }])
    release()
    await write(changed({ added: ['b'], change: 3 }), event('1', '5', 'b'))
    expect(await isPending(Promise.all(sets))).toBe(true)
    await write(live('b', 3))
    expect(await isPending(Promise.all(sets))).toBe(false)
    expect(received).toEqual(['+1 5'])
  })

  it('that was refused leaves a channel as it is that was removed and added again meanwhile', async () => {
    const { stream, open, drop, answer, bodies, queries, errors } = setup({ channels: ['a', 'b'] })
    await open('9')
    answer(() => fakeResponse(403))
    const sets = [['a'], ['a', 'b']].map((names) => stream.setChannels(names))
    expect(await isPending(Promise.all(sets))).toBe(false)
    expect(bodies()).toHaveLength(1)
    expect(errors).toMatchObject([{ code: 'RIVULET_CHANNELS_REFUSED', channels: ['a'] }])
    await drop()
    await open()
    expect(queries().at(-1)).toBe('?token=t&channel=a&channel=b')
  })

  it('that was refused does not keep a channel of an earlier one that was removed and added again', async () => {
    const { stream, open, write, answer, bodies } = setup({ channels: [] })
    await open('9')
    const first = stream.setChannels(['a', 'b'])
    await settled()
    answer(() => fakeResponse(403))
    await expect(stream.setChannels(['c'])).rejects.toMatchObject({ code: 'RIVULET_CHANNELS_REFUSED' })
    await expect(first).rejects.toMatchObject({ channels: ['c'] })
    await write(changed({ added: ['a', 'b'], change: 1 }))
    answer(() => fakeResponse(202))
    void stream.setChannels(['a'])
    void stream.setChannels(['a', 'b'])
    await settled()
    expect(bodies().slice(2)).toMatchObject([{ channels: ['a'], change: 3 }])
    await write(live('a', 1), changed({ removed: ['b'], change: 3 }))
    expect(bodies().slice(3)).toMatchObject([{ channels: ['a', 'b'], after: {}, change: 4 }])
  })

  it('is sent for a channel whose addition was refused after it was given up', async () => {
    const { stream, open, write, answer, bodies } = setup({ channels: ['a'] })
    await open('9')
    answer(() => fakeResponse(403))
    void stream.setChannels(['a', 'b'])
    await stream.setChannels(['a'])
    answer(() => fakeResponse(202))
    const again = stream.setChannels(['a', 'b'])
    await settled()
    // The refused change may still come: an earlier attempt of it may be on its way.
    expect(bodies().slice(1)).toMatchObject([{ channels: ['a'], change: 2 }])
    await write(changed({ change: 2 }))
    expect(bodies().slice(2)).toMatchObject([{ channels: ['a', 'b'], change: 3 }])
    await write(changed({ added: ['b'], change: 3 }), live('a', 3))
    expect(await isPending(again)).toBe(false)
  })

  it('removes a channel that an earlier change adds after it was given up and before it is wanted again', async () => {
    const { stream, open, write, answer, clock, bodies, received } = setup({ channels: ['a'] })
    await open('9')
    answer(() => Promise.reject(new TypeError('network')))
    void stream.setChannels(['a', 'c'])
    await settled()
    void stream.setChannels(['a', 'b'])
    clock.advance(2_000)
    await settled()
    void stream.setChannels(['a'])
    expect(bodies()).toMatchObject([{ channels: ['a', 'c'] }, { channels: ['a', 'b'] }])
    await write(changed({ added: ['c'], change: 1 }), live('a', 1))
    await write(changed({ added: ['b'], removed: ['c'], change: 2 }), event('1', '5', 'b'), live('b', 2))
    answer(() => fakeResponse(202))
    const again = stream.setChannels(['a', 'b'])
    clock.advance(5_000)
    await settled()
    expect(bodies().slice(2)).toMatchObject([{ channels: ['a'], change: 3 }])
    await write(changed({ removed: ['b'], change: 3 }))
    expect(bodies().slice(3)).toMatchObject([{ channels: ['a', 'b'], after: {}, change: 4 }])
    await write(changed({ added: ['b'], change: 4 }), event('1', '5', 'b'), live('b', 4))
    expect(await isPending(again)).toBe(false)
    expect(received).toEqual(['+1 5', '+1 5'])
  })

  it('goes to controlUrl if there is one', async () => {
    const { stream, open, requests } = setup({ channels: [], controlUrl: () => 'https://other.test/change' })
    await open('9')
    void stream.setChannels(['a'])
    await settled()
    expect(requests[1]!.url).toBe('https://other.test/change')
  })

  it('is sent again, with its number, after a failure or if it is not carried out', async () => {
    const { stream, open, write, bodies, answer, clock } = setup({ channels: [] })
    await open('9')
    answer(() => new Response(null, { status: 503, headers: { 'retry-after': '7' } }))
    const set = stream.setChannels(['a'])
    await settled()
    clock.advance(6_900)
    await settled()
    expect(bodies()).toHaveLength(1)
    answer(() => fakeResponse(202))
    clock.advance(4_000)
    await settled()
    expect(bodies()).toHaveLength(2)
    clock.advance(11_000)
    await settled()
    expect(bodies().map(({ change }) => change)).toEqual([1, 1, 1])
    await write(changed({ added: ['a'], change: 1 }), live('a', 1))
    expect(await isPending(set)).toBe(false)
    clock.advance(60_000)
    await settled()
    expect(bodies()).toHaveLength(3)
  })

  it('settles when the stream is closed', async () => {
    const { stream, open } = setup({ channels: [] })
    await open('9')
    const set = stream.setChannels(['a'])
    expect(await isPending(set)).toBe(true)
    stream.close()
    expect(await isPending(set)).toBe(false)
  })
})

describe('a refused change', () => {
  it.each([400, 403, 413])('with %i rejects, and the stream keeps its channels', async (status) => {
    const { stream, open, answer, bodies, errors } = setup({ channels: ['a'] })
    await open('9')
    answer(() => new Response('RIVULET_CONFIGURATION', { status }))
    const error = await stream.setChannels(['b']).catch((error) => error)
    expect(error).toMatchObject({ code: 'RIVULET_CHANNELS_REFUSED', status, channels: ['b'] })
    expect(error.cause).toMatchObject({ status, body: 'RIVULET_CONFIGURATION' })
    expect(errors).toEqual([error])
    await stream.setChannels(['a'])
    expect(bodies()).toHaveLength(1)
    expect(stream.status).toBe('open')
  })

  it('with 404 rejects at the second time: the connection may just have ended', async () => {
    const { stream, open, answer, clock, bodies } = setup({ channels: [] })
    await open('9')
    answer(() => fakeResponse(404))
    const set = stream.setChannels(['b'])
    expect(await isPending(set.catch(() => {}))).toBe(true)
    clock.advance(2_000)
    await expect(set).rejects.toMatchObject({ status: 404 })
    expect(bodies()).toHaveLength(2)
  })

  it('on a stream that cannot change rejects at once', async () => {
    const { stream, write, requests, errors } = setup({ channels: ['a'] })
    stream.connect()
    await settled()
    const early = stream.setChannels(['b'])
    await write(openFrame({ heartbeatMs: 0 }))
    await expect(early).rejects.toMatchObject({ code: 'RIVULET_CHANNELS_REFUSED', status: undefined })
    await expect(stream.setChannels(['b'])).rejects.toThrow('changeable: true')
    expect(errors).toHaveLength(2)
    expect(requests).toHaveLength(1)
  })

  it('by the stream itself rejects', async () => {
    const { stream, open, write } = setup({ channels: ['a'] })
    await open('9')
    const set = stream.setChannels(['b'])
    await settled()
    await write(changed({ change: 1, failed: true }))
    await expect(set).rejects.toMatchObject({ channels: ['b'], message: expect.stringContaining('failed') })
    const again = stream.setChannels(['b'])
    await settled()
    await write(changed({ change: 2, added: ['b'], removed: ['a'] }), live('a', 2))
    expect(await isPending(again)).toBe(false)
  })

  it('does not count if something else is wanted by then', async () => {
    const { stream, open, write, answer, bodies } = setup({ channels: [] })
    await open('9')
    answer(() => {
      answer(() => fakeResponse(202))
      return fakeResponse(403)
    })
    const first = stream.setChannels(['b'])
    const second = stream.setChannels(['c'])
    await settled()
    expect(bodies()).toMatchObject([{ channels: ['b'] }, { channels: ['c'] }])
    await write(changed({ added: ['c'], change: 2 }), live('a', 2))
    expect(await isPending(Promise.all([first, second]))).toBe(false)
  })

  it.each([[undefined], ['a'], [['a', '']], [[1]]])('of %j throws', (names) => {
    const { stream } = setup()
    expect(() => stream.setChannels(names as never)).toThrow(ConfigurationError)
  })

  it('of a shared stream throws', () => {
    const { stream } = setup({ shared: { key: 'alice' } })
    expect(() => stream.setChannels(['a'])).toThrow(ConfigurationError)
  })
})

describe('a new connection', () => {
  it('asks for the complete channels, and then for the rest of the history of the others', async () => {
    const { stream, open, write, drop, bodies, queries, received } = setup({ channels: ['a', 'b'] })
    await open('9')
    const set = stream.setChannels(['b', 'c', 'd'])
    await settled()
    await write(changed({ added: ['c', 'd'], removed: ['a'], change: 1 }), event('1', '5', 'c'), event('2', 'a', 'b'))
    await drop()
    await open()
    expect(queries().at(-1)).toBe('?token=t&channel=b')
    expect(stream.lastEventId).toBe('a')
    await settled()
    expect(bodies().at(-1)).toMatchObject({ connectionId: 'c3', channels: ['b', 'c', 'd'], after: { c: '5' } })
    const { change } = bodies().at(-1)
    await write(
      changed({ added: ['c', 'd'], change }),
      event('3', '4', 'd'),
      event('1', '5', 'c'),
      event('4', '6', 'c'),
    )
    await write(live('b', change))
    expect(await isPending(set)).toBe(false)
    expect(received).toEqual(['+1 5', '2 a', '+3 4', '+4 6'])
    await drop()
    await open()
    expect(queries().at(-1)).toBe('?token=t&channel=b&channel=c&channel=d')
    expect(bodies()).toHaveLength(2)
  })

  it('begins a channel anew that was removed and added again while there was none, or before the server did it', async () => {
    for (const isConnected of [false, true]) {
      const { stream, open, write, drop, bodies, queries } = setup({ channels: ['a'] })
      await open('9')
      void stream.setChannels(['a', 'b'])
      await settled()
      await write(changed({ added: ['b'], change: 1 }), event('1', '5', 'b'), ...(isConnected ? [live('b', 1)] : []))
      if (!isConnected) await drop()
      void stream.setChannels(['a'])
      void stream.setChannels(['a', 'b'])
      await settled()
      if (isConnected) await drop()
      await open()
      expect(queries().at(-1)).toBe('?token=t&channel=a')
      await settled()
      expect(bodies().at(-1)).toMatchObject({ channels: ['a', 'b'], after: {} })
    }
  })

  it('begins without the channels of the route’s own choice', async () => {
    const { stream, open, write, drop, queries } = setup()
    await open('9')
    void stream.setChannels(['default', 'a'])
    await settled()
    await write(changed({ added: ['a'], removed: ['user'], change: 1 }))
    await drop()
    await open()
    expect(queries()).toEqual(['?token=t', '?token=t&channel=default'])
  })

  it('tells of a gap if the history of a channel that the server added was not complete', async () => {
    const { open, write, drop, received } = setup({ channels: ['a'] })
    await open('9')
    await write(changed({ added: ['x'] }), event('1', '5', 'x'))
    await drop()
    await open()
    await write(changed({ added: ['y'] }), event('2', '6', 'y'), live('c'), event('3', 'd', 'y'))
    await drop()
    await open()
    expect(received).toEqual(['+1 5', 'gap x lagged', '+2 6', '3 d'])
  })

  describe('that has a channel whose history broke off, because the server gives it unasked', () => {
    /** A change brings `x` beside `b`, and breaks off before the end of its history. */
    const broken = async () => {
      const test = setup({ channels: ['a'] })
      await test.open('9')
      void test.stream.setChannels(['a', 'b'])
      await settled()
      await test.write(changed({ added: ['b', 'x'], change: 1 }), event('1', 'c', 'x'))
      await test.drop()
      return test
    }

    it('tells of a gap before the first event of it, and takes none twice', async () => {
      const { open, write, received, bodies } = await broken()
      await open()
      await write(event('2', 'b', 'a'), event('1', 'c', 'x'), event('3', 'd', 'x'), event('4', undefined, 'x'))
      expect(received).toEqual(['+1 c', '2 b', 'gap x lagged', '3 d', '4 undefined'])
      const { change } = bodies().at(-1)
      await write(changed({ added: ['b'], change }), live('e', change))
      expect(received).toHaveLength(5)
    })

    it('tells of a gap when the next change does not add it', async () => {
      const { open, write, received, bodies } = await broken()
      await open()
      const { change } = bodies().at(-1)
      await write(changed({ added: ['b'], change }), event('1', 'c', 'x'), live('d', change), event('2', 'e', 'x'))
      expect(received).toEqual(['+1 c', 'gap x lagged', '2 e'])
    })

    it('goes on with the history if the next change adds it', async () => {
      const { open, write, received, bodies } = await broken()
      await open()
      const { change, after } = bodies().at(-1)
      expect(after).toEqual({ x: 'c' })
      await write(changed({ added: ['b', 'x'], change }), event('2', 'd', 'x'), live('d', change))
      expect(received).toEqual(['+1 c', '+2 d'])
    })

    it('tells of a gap at once if no change is to come', async () => {
      const { stream, open, write, received } = await broken()
      void stream.setChannels(['a'])
      await open()
      await write(event('1', 'c', 'x'), event('2', 'd', 'x'))
      expect(received).toEqual(['+1 c', 'gap x lagged', '2 d'])
    })

    it('tells of a gap when the server adds it again by itself', async () => {
      const { open, write, received } = await broken()
      await open()
      await write(changed({ added: ['x'] }), event('1', 'c', 'x'), live('d'))
      expect(received).toEqual(['+1 c', 'gap x lagged', '+1 c'])
    })

    it('delivers nothing more once a listener of the gap has closed it', async () => {
      const { stream, open, write, received } = await broken()
      stream.onGap(() => stream.close())
      await open()
      await write(event('2', 'd', 'x'), event('3', 'e', 'a'))
      expect(received).toEqual(['+1 c', 'gap x lagged'])
    })
  })

  it('begins a channel anew that was given up after a refusal, although part of its history had come', async () => {
    const { stream, open, write, drop, answer, bodies } = setup({ channels: [] })
    await open('9')
    void stream.setChannels(['a', 'b'])
    await settled()
    await write(changed({ added: ['a', 'b'], change: 1 }), event('1', '5', 'a'), event('2', '6', 'b'))
    await drop()
    answer(() => fakeResponse(403))
    await open()
    await settled()
    answer(() => fakeResponse(202))
    for (const names of [['a'], ['a', 'b']]) void stream.setChannels(names)
    await settled()
    expect(bodies().slice(1)).toMatchObject([
      { channels: ['a', 'b'], after: { a: '5', b: '6' } },
      { channels: ['a'], after: { a: '5' } },
    ])
    await write(changed({ added: ['a'], change: 3 }), live('9', 3))
    expect(bodies().at(-1)).toMatchObject({ channels: ['a', 'b'], after: {}, change: 4 })
  })

  it('takes an event once that came in the history of a channel that the server added, and again after a break', async () => {
    const { stream, open, write, drop, received } = setup({ channels: ['a'] })
    await open('9')
    await write(changed({ added: ['x'] }), event('1', 'a', 'x'), event('2', 'c', 'x'))
    await drop()
    await open()
    // The route now gives the channel from the beginning.
    await write(event('1', 'a', 'x'), event('3', 'b', 'a'), event('2', 'c', 'x'), event('4', 'd', 'x'))
    expect(received).toEqual(['+1 a', '+2 c', 'gap x lagged', '3 b', '4 d'])
    expect(stream.lastEventId).toBe('d')
  })

  it('takes the events of a channel that the server added and adds again, from the beginning', async () => {
    const { open, write, drop, received } = setup({ channels: ['a'] })
    await open('9')
    await write(changed({ added: ['x'] }), event('1', 'a', 'x'))
    await drop()
    await open()
    await write(changed({ added: ['x'] }), event('1', 'a', 'x'), live('a'))
    expect(received).toEqual(['+1 a', 'gap x lagged', '+1 a'])
  })

  it('takes events with lower ids of such a channel once the server counts from the start again', async () => {
    const { open, write, drop, received } = setup({ channels: ['a'] })
    await open('9')
    await write(changed({ added: ['x'] }), event('1', 'c', 'x'))
    await drop()
    await open()
    await write(encodeControlEvent({ type: 'rivulet:gap', reason: 'restarted' }), event('1', '1', 'x'))
    expect(received).toEqual(['+1 c', 'gap x lagged', 'gap undefined restarted', '1 1'])
  })

  it.each([
    ['tells of a gap if a snapshot was cut off, and the next connection continues from before it', undefined, 'lagged'],
    ['tells of no gap if the snapshot had come as a whole', '7', undefined],
  ])('%s', async (_, id, told) => {
    const { stream, open, write, drop, clock, received } = setup({ channels: ['a', 'b'] })
    const again = async (recovered: boolean) => {
      await drop()
      clock.advance(stream.state.retryAt! - clock.now())
      await settled()
      await write(openFrame({ connectionId: 'c', control: 'secret', heartbeatMs: 0, recovered }))
    }
    await open()
    await write(event('1', '5', 'a'))
    await again(false)
    await write(event('state', id, 'a'))
    void stream.setChannels(['a'])
    await again(true)
    await write(event('2', '8', 'a'))
    expect(received).toEqual(['1 5', `state ${id}`, ...(told ? [`gap undefined ${told}`] : []), '2 8'])
  })

  it('begins a history anew that the server counts from the start again', async () => {
    const { stream, open, write, drop, bodies } = setup({ channels: ['a'] })
    await open('9')
    void stream.setChannels(['a', 'b'])
    await settled()
    await write(changed({ added: ['b'], change: 1 }), event('1', '5', 'b'))
    await drop()
    stream.reconnect()
    await settled()
    const open2 = openFrame({ connectionId: 'c9', control: 's', heartbeatMs: 0, recovered: false })
    await write(open2 + encodeControlEvent({ type: 'rivulet:gap', reason: 'restarted' }))
    await settled()
    expect(bodies().at(-1)).toMatchObject({ connectionId: 'c9', after: {} })
  })

  it('begins anew, with a gap, if the route refuses one without channels', async () => {
    const { stream, open, write, drop, refuseEmpty, queries, received } = setup({ channels: ['a'] })
    refuseEmpty()
    await open('9')
    void stream.setChannels(['b'])
    await settled()
    await write(event('1', 'b', 'a'), changed({ added: ['b'], removed: ['a'], change: 1 }), event('2', '5', 'b'))
    await drop()
    await open('4')
    expect(queries()).toEqual(['?token=t&channel=a', '?token=t&channel=', '?token=t&channel=b'])
    await write(event('2', '5', 'b'), event('3', '6', 'b'))
    expect(received).toEqual(['1 b', '+2 5', 'gap undefined restarted', '2 5', '3 6'])
    expect(stream.lastEventId).toBe('6')
  })

  it('of another page continues with the channels of the saved cursor', async () => {
    const values = new Map<string, string>()
    const storage = {
      getItem: (key: string) => values.get(key) ?? null,
      setItem: (key: string, value: string) => void values.set(key, value),
    }
    const persist = { storage }
    const before = setup({ channels: ['a'], persist })
    await before.open('9')
    void before.stream.setChannels(['a', 'b', 'c'])
    await settled()
    await before.write(changed({ added: ['b', 'c'], change: 1 }), live('a', 1), event('1', 'b', 'b'))
    before.stream.close()
    expect([...values.values()]).toEqual([JSON.stringify(['b', ['a', 'b', 'c']])])
    const after = setup({ channels: ['b', 'd'], persist })
    await after.open()
    expect(after.queries()).toEqual(['?token=t&channel=b'])
    await settled()
    expect(after.bodies()).toMatchObject([{ channels: ['b', 'd'] }])
    const same = setup({ persist: { storage, key: 'other' } })
    await same.open()
    expect(same.queries()).toEqual(['?token=t'])
  })

  it('asks again for the history that was received but not delivered', async () => {
    const validate = () => new Promise<never>(() => {})
    const events = {
      tick: { type: 'tick', schema: { '~standard': { version: 1, vendor: 'test', validate } } },
    } as const
    const { stream, open, write, bodies, queries } = setup({ channels: ['a'], events })
    await open('9')
    void stream.setChannels(['a', 'b'])
    await settled()
    await write(changed({ added: ['b'], change: 1 }) + event('1', '5', 'b') + event('2', '6', 'b') + live('c', 1))
    stream.close()
    await open()
    expect(queries().at(-1)).toBe('?token=t&channel=a')
    await settled()
    expect(bodies().at(-1)).toMatchObject({ channels: ['a', 'b'], after: {} })
  })
})
