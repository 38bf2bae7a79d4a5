import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import { describe, expect, test, vi } from 'vitest'
import { dataOf, until, useHarness } from '../../test/harness.js'
import type { CallbackOptions, EventStreamServiceOptions } from '../index.js'

const harness = useHarness()

describe('the request', () => {
  test('requests an event stream, uncached', async () => {
    const { server, createStream } = harness
    const stream = createStream()
    stream.connect()
    await server.open()
    const { method, headers } = server.requests[0]!
    expect(method).toBe('GET')
    expect(headers.accept).toBe('text/event-stream')
    expect(headers['cache-control']).toBe('no-cache')
    expect(headers).not.toHaveProperty('last-event-id')
  })

  test('calls fetch with a URL and an init, including credentials and cache mode', async () => {
    const { server, createStream } = harness
    const calls: unknown[][] = []
    const stream = createStream({
      credentials: 'include',
      fetch: (...call: Parameters<typeof fetch>) => {
        calls.push(call)
        return fetch(...call)
      },
    })
    stream.connect()
    await server.open()
    expect(calls).toHaveLength(1)
    expect(calls[0]![0]).toBe(server.url)
    expect(calls[0]![1]).toMatchObject({ method: 'GET', credentials: 'include', cache: 'no-store' })
  })

  test('sends method, body and headers', async () => {
    const { server, createStream } = harness
    const stream = createStream({
      body: JSON.stringify({ topics: ['a'] }),
      headers: { 'content-type': 'application/json', 'x-own': '1', accept: 'text/event-stream;v=2' },
    })
    stream.connect()
    await server.open()
    expect(server.requests[0]).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-own': '1', accept: 'text/event-stream;v=2' },
    })
    expect(server.bodies).toEqual(['{"topics":["a"]}'])
  })

  test('calls url, body and headers for each attempt', async () => {
    const { server, createStream } = harness
    let attempt = 0
    const stream = createStream({
      method: 'PUT',
      url: async () => new URL(`?attempt=${++attempt}`, server.url),
      body: () => `body ${attempt}`,
      headers: async () => ({ authorization: `Bearer ${attempt}` }),
    })
    stream.connect()
    await server.open()
    stream.reconnect()
    await until(() => server.bodies.length === 2)
    expect(server.requests.map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual([
      ['PUT', '/events?attempt=1', 'Bearer 1'],
      ['PUT', '/events?attempt=2', 'Bearer 2'],
    ])
    expect(server.bodies).toEqual(['body 1', 'body 2'])
  })

  test('is retried when one of these functions rejects', async () => {
    const { server, clock, createStream } = harness
    const headers = vi.fn<() => Promise<HeadersInit>>().mockRejectedValueOnce('no token').mockResolvedValue({ a: 'b' })
    const stream = createStream({ headers })
    stream.connect()
    await until(() => stream.status === 'waiting')
    expect(stream.state.error).toBe('no token')
    clock.advance(1_000)
    await server.open()
    expect(server.requests).toHaveLength(1)
  })

  test('to an invalid URL is final', async () => {
    const stream = harness.createStream({ url: '/events' })
    stream.connect()
    await until(() => stream.status === 'closed')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONFIGURATION', option: 'url', value: '/events' })
  })
})

describe('Last-Event-ID', () => {
  async function resend(id: string, options = {}) {
    const { server, createStream } = harness
    const stream = createStream(options)
    const received = dataOf(stream)
    stream.connect()
    await server.open()
    server.stream.write(`id: ${id}\ndata: 1\n\n`)
    await until(() => received.length === 1)
    expect(stream.lastEventId).toBe(id)
    stream.reconnect()
    await until(() => server.requests.length === 2)
    return server.requests[1]!
  }

  test.each(['é☃', 'a b', 'x'.repeat(2_000), 'caféà'])('goes as UTF-8 bytes: %s', async (id) => {
    const { headers } = await resend(id)
    expect(Buffer.from(headers['last-event-id'] as string, 'latin1').toString('utf8')).toBe(id)
  })

  test('is omitted, with a gap, if it is too long for a request', async () => {
    const { server, clock, createStream } = harness
    const stream = createStream()
    const gaps: string[] = []
    const ids: unknown[] = []
    stream.onGap(({ reason }) => gaps.push(reason))
    stream.onAny(({ id }) => ids.push(id))
    stream.connect()
    await server.open()
    const id = 'x'.repeat(20_000)
    server.stream.write(`id: ${id}\ndata: {}\n\n`)
    await until(() => ids.length === 1)
    expect(gaps).toEqual([])
    server.stream.end()
    await until(() => stream.status === 'waiting')
    clock.advance(10_000)
    await server.open()
    await until(() => stream.status === 'open')
    expect(server.cursors).toEqual([undefined, undefined])
    expect(ids).toEqual([id])
    expect(gaps).toEqual(['oversized'])
  })

  test.each(['\x01', ' padded', 'padded\t', 'a\x7fb'])(
    'that no header can carry goes into the query: %j',
    async (id) => {
      const { headers, url } = await resend(id)
      expect(headers).not.toHaveProperty('last-event-id')
      expect(new URL(url as string, 'http://x').searchParams.get('lastEventId')).toBe(id)
    },
  )

  test('goes into the query if requested, beside other parameters', async () => {
    const { headers, url } = await resend('5', { url: `${harness.server.url}?a=1`, lastEventIdIn: 'query' })
    expect(headers).not.toHaveProperty('last-event-id')
    expect(url).toBe('/events?a=1&lastEventId=5')
  })

  test('is set by a block without data, kept across connections without one, and reset by an empty one', async () => {
    const { server, clock, createStream } = harness
    const stream = createStream()
    const frames = ['id: 7\n\n', 'data: x\n\n', 'id: 8\ndata: cut off\n', 'id\n\n', 'id: a\0b\n\n']
    for (const [index, frame] of frames.entries()) {
      stream.reconnect()
      await until(() => server.requests.length === index + 1)
      await server.open()
      clock.advance(1)
      server.stream.write(frame)
      await until(() => stream.lastActivityAt === clock.now())
      expect(stream.lastEventId).toBe(index < 3 ? '7' : '')
    }
    stream.reconnect()
    await until(() => server.requests.length === 6)
    expect(server.cursors).toEqual([undefined, '7', '7', '7', undefined, undefined])
  })

  test('begins at the ID in the options', async () => {
    const { server, createStream } = harness
    createStream({ lastEventId: '41' }).connect()
    await server.open()
    expect(server.cursors).toEqual(['41'])
  })
})

describe('an invalid request is final at once', () => {
  test.each<[string, Partial<EventStreamServiceOptions>, string]>([
    ['a scheme', { url: 'ftp://localhost/' }, 'url'],
    ['the scheme of a file', { url: () => 'file:///events' }, 'url'],
    ['a URL that is no text', { url: () => undefined as never }, 'url'],
    ['a URL with a password', { url: 'http://me:secret@localhost/' }, 'url'],
    ['a header’s name', { headers: { 'not a name': 'x' } }, 'headers'],
    ['a header’s value', { headers: () => ({ authorization: 'Bearer secret\nb' }) }, 'headers'],
    ['headers that are none', { headers: () => 5 as never }, 'headers'],
    ['a method', { method: 'TRACE' }, 'method'],
    ['a method that is no name', { method: 'GET IT' }, 'method'],
    ['a body with GET', { method: 'get', body: 'x' }, 'method'],
    ['an object as body', { body: { a: 1 } as never }, 'body'],
    ['credentials', { credentials: 'yes' as never }, 'credentials'],
    ['a fetch that gives no response', { fetch: async () => ({}) as never }, 'fetch'],
  ])('%s', async (_, options, option) => {
    const stream = harness.createStream(options)
    const errors: unknown[] = []
    stream.onError((error) => errors.push(error))
    stream.connect()
    await until(() => stream.status === 'closed')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONFIGURATION', option })
    expect(errors).toEqual([stream.state.error])
    expect(inspect(errors)).not.toMatch('secret')
    expect(harness.server.requests).toHaveLength(0)
  })

  test('but another scheme works with a custom fetch', async () => {
    const stream = harness.createStream({ url: 'app://events/', fetch: (_, init) => fetch(harness.server.url, init) })
    stream.connect()
    await until(() => stream.status === 'open')
  })
})

describe('a body that streams', () => {
  const bodyOf = (text: string) => new Response(text).body as ReadableStream<Uint8Array>

  test('is sent again with each attempt', async () => {
    const { server, clock, createStream } = harness
    let n = 0
    const stream = createStream({ body: () => bodyOf(`body ${++n}`) })
    stream.connect()
    await server.open()
    server.stream.end('data: 1\n\n')
    await until(() => stream.status === 'waiting')
    clock.advance(10_000)
    await server.open()
    expect(server.bodies).toEqual(['body 1', 'body 2'])
  })

  test('can be sent only once unless a function creates it', async () => {
    const { server, clock, createStream } = harness
    const stream = createStream({ body: bodyOf('once') })
    stream.connect()
    await server.open()
    server.stream.end('data: 1\n\n')
    await until(() => stream.status === 'waiting')
    clock.advance(10_000)
    await until(() => stream.status === 'closed')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONFIGURATION', option: 'body' })
  })
})

describe('a request that is not idempotent', () => {
  test.each(['reset', 'timeout', 'status'])('is not repeated after: %s', async (failure) => {
    const { server, clock, createStream } = harness
    server.answer = (request, response) => {
      if (failure === 'reset') request.socket.destroy()
      if (failure === 'status') response.writeHead(502).end()
    }
    const stream = createStream({ body: 'order', connectTimeoutMs: 40_000 })
    stream.connect()
    await until(() => server.requests.length === 1)
    if (failure === 'timeout') clock.advance(40_000)
    await until(() => stream.status === 'closed')
    const code = expect.stringMatching(/CONNECTION|CONNECT_TIMEOUT|HTTP_STATUS/)
    const { error } = stream.state
    // A status is an answer. Otherwise nobody knows whether the server has acted.
    if (failure === 'status') expect(error).toMatchObject({ code })
    else expect(error).toMatchObject({ code: 'RIVULET_REQUEST_NOT_REPEATED', cause: { code } })
    expect(server.requests).toHaveLength(1)
  })

  test.each([408, 425, 429, 503])('is repeated after %i: the server has not acted on it', async (status) => {
    const { server, createStream } = harness
    server.answer = (_, response) => response.writeHead(status).end()
    const stream = createStream({ body: 'order' })
    stream.connect()
    await until(() => stream.status === 'waiting')
  })

  test('is not sent again after a break within the first event, by reconnect() meanwhile, or by stale silence', async () => {
    const { server, clock, createStream } = harness
    const stream = createStream({ body: 'order', idleTimeoutMs: 1_000 })
    stream.connect()
    stream.reconnect()
    await until(() => stream.status === 'open')
    stream.reconnect()
    await server.open()
    expect(server.requests).toHaveLength(1)
    server.stream.write('event: rivulet:open\nda')
    await until(() => clock.pending.length > 0)
    server.stream.destroy()
    await until(() => stream.status === 'closed')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_REQUEST_NOT_REPEATED' })
    expect(server.requests).toHaveLength(1)
  })

  test('is sent again if the server is said to recognize it', async () => {
    const { server, createStream } = harness
    server.answer = (request) => request.socket.destroy()
    const stream = createStream({ body: 'order', headers: { 'idempotency-key': '1' }, idempotent: true })
    stream.connect()
    await until(() => stream.status === 'waiting')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONNECTION' })
  })

  test('is sent again once its stream has begun, by reconnect(), and where it was not sent at all', async () => {
    const { server, clock, createStream } = harness
    let fails = true
    const headers = () => (fails ? Promise.reject(new Error('no credential')) : {})
    const stream = createStream({ body: 'order', headers })
    const received = dataOf(stream)
    stream.connect()
    await until(() => stream.status === 'waiting')
    fails = false
    clock.advance(10_000)
    await server.open()
    server.stream.write('data: 1\n\n')
    await until(() => received.length === 1)
    server.stream.destroy()
    await until(() => stream.status === 'waiting')
    server.answer = (request) => request.socket.destroy()
    clock.advance(10_000)
    await until(() => server.requests.length === 2 && stream.status === 'waiting')

    stream.close()
    stream.connect()
    await until(() => stream.status === 'closed')
    stream.reconnect()
    await until(() => server.requests.length === 4)
  })

  test('waits for its response without a limit', async () => {
    const { server, clock, createStream } = harness
    server.answer = () => {}
    const stream = createStream({ body: 'a long question' })
    stream.connect()
    await until(() => server.requests.length === 1)
    expect(clock.pending).toEqual([])
    clock.advance(3_600_000)
    expect(stream.status).toBe('connecting')
  })
})

describe('the response', () => {
  test.each(['text/event-stream', 'Text/Event-Stream;charset=utf-8', 'text/event-stream ; a=b'])(
    'with content type %s is a stream',
    async (contentType) => {
      const { server, createStream } = harness
      server.answer = (_, response) => server.accept(response, { 'content-type': contentType })
      const stream = createStream()
      stream.connect()
      await until(() => stream.status === 'open')
    },
  )

  test.each(['text/html', 'text/event-streamfoo', 'application/json', 'text/html, text/event-stream', ''])(
    'with content type %j is final',
    async (contentType) => {
      const { server, createStream } = harness
      server.answer = (_, response) =>
        response.writeHead(200, contentType ? { 'content-type': contentType } : {}).end('data: x\n\n')
      const stream = createStream()
      const received = dataOf(stream)
      stream.connect()
      await until(() => stream.status === 'closed')
      expect(stream.state.error).toMatchObject({
        code: 'RIVULET_CONTENT_TYPE',
        status: 200,
        contentType,
        url: server.url,
      })
      expect(received).toEqual([])
      expect(server.requests).toHaveLength(1)
    },
  )

  test('204 ends the stream without an error', async () => {
    const { server, createStream } = harness
    server.answer = (_, response) => response.writeHead(204).end()
    const stream = createStream()
    stream.connect()
    await until(() => stream.status === 'closed')
    expect(stream.state.error).toBeUndefined()
  })

  test.each([201, 206, 304, 400, 403, 404, 410, 422])('%i is final', async (status) => {
    const { server, clock, createStream } = harness
    server.answer = (_, response) => response.writeHead(status, { 'content-type': 'text/event-stream' }).end()
    const stream = createStream()
    stream.connect()
    await until(() => stream.status === 'closed')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_HTTP_STATUS', status })
    expect(clock.pending).toEqual([])
  })

  test.each([408, 425, 429, 500, 502, 503, 504])('%i is retried', async (status) => {
    const { server, clock, createStream } = harness
    server.answer = (_, response, attempt) =>
      attempt === 1 ? response.writeHead(status).end('busy') : server.accept(response)
    const stream = createStream()
    stream.connect()
    await until(() => stream.status === 'waiting')
    expect(stream.state.error).toMatchObject({ status, body: 'busy', retryAfterMs: undefined })
    clock.advance(1_000)
    await server.open()
  })

  test.each([
    ['120', 120_000],
    ['0', 1_000],
    ['99999999999999', 3_600_000],
    ['soon', 1_000],
    ['-5', 1_000],
    ['1e3', 1_000],
  ])('waits for Retry-After: %s', async (value, delayMs) => {
    const { server, clock, createStream } = harness
    server.answer = (_, response) => response.writeHead(503, { 'retry-after': value }).end()
    const stream = createStream()
    stream.connect()
    await until(() => stream.status === 'waiting')
    expect(stream.state.retryAt).toBe(clock.now() + delayMs)
  })

  test('a date in Retry-After is relative to the server’s clock', async () => {
    const { server, clock, createStream } = harness
    const date = Date.parse('2030-01-01T00:00:00Z')
    server.answer = (_, response, attempt) => {
      const until = new Date(attempt === 1 ? date + 90_000 : date - 90_000).toUTCString()
      response.writeHead(429, { 'retry-after': until, date: new Date(date).toUTCString() }).end()
    }
    const stream = createStream()
    stream.connect()
    await until(() => stream.status === 'waiting')
    expect(stream.state.retryAt).toBe(clock.now() + 90_000)
    stream.reconnect()
    await until(() => stream.status === 'waiting')
    expect(stream.state.retryAt).toBe(clock.now() + 1_000)
  })

  test.each([301, 302, 303, 307, 308])(
    'a redirect by %i is followed, and the first URL asked again',
    async (status) => {
      const { server, createStream } = harness
      server.answer = (request, response) =>
        request.url === '/events' ? response.writeHead(status, { location: '/moved' }).end() : server.accept(response)
      const stream = createStream()
      stream.connect()
      await server.open()
      stream.reconnect()
      await until(() => server.requests.length === 4)
      expect(server.requests.map(({ url }) => url)).toEqual(['/events', '/moved', '/events', '/moved'])
    },
  )

  test('endless redirects fail the attempt', async () => {
    const { server, createStream } = harness
    server.answer = (_, response) => response.writeHead(302, { location: '/events' }).end()
    const stream = createStream()
    stream.connect()
    await until(() => stream.status === 'waiting')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONNECTION' })
  })

  test('may be compressed', async () => {
    const { server, createStream } = harness
    server.answer = (_, response) =>
      response
        .writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
        .end(gzipSync('data: 1\n\ndata: 2\n\n'))
    const stream = createStream()
    const received = dataOf(stream)
    stream.connect()
    await until(() => stream.status === 'waiting')
    expect(received).toEqual(['1', '2'])
  })

  test('an error quotes the beginning of the body, even of one that never ends', async () => {
    const { server, clock, createStream } = harness
    server.answer = (_, response) => {
      response.writeHead(404)
      response.write('x'.repeat(10_000))
    }
    let answers = 0
    const stream = createStream({ fetch: (...call) => fetch(...call).finally(() => answers++) })
    stream.connect()
    await until(() => stream.status === 'closed')
    expect(stream.state.error).toMatchObject({ status: 404, body: 'x'.repeat(512) })

    server.answer = (_, response) => response.writeHead(503, { 'retry-after': '7' }).write('slow')
    stream.connect()
    await until(() => answers === 2)
    await until(() => clock.pending.length > 0)
    clock.advance(1_000)
    await until(() => stream.status === 'waiting')
    expect(stream.state.error).toMatchObject({ status: 503, retryAfterMs: 7_000 })
    expect(stream.state.retryAt).toBe(clock.now() + 7_000)
  })

  test('missing headers time out', async () => {
    const { server, clock, createStream } = harness
    let closed = false
    server.answer = (request) => request.on('close', () => (closed = true))
    const stream = createStream({ connectTimeoutMs: 700 })
    stream.connect()
    await until(() => server.requests.length === 1)
    clock.advance(699)
    expect(stream.status).toBe('connecting')
    clock.advance(1)
    await until(() => stream.status === 'waiting')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONNECT_TIMEOUT', timeoutMs: 700, url: server.url })
    await until(() => closed)
  })

  test('is awaited forever with connectTimeoutMs: 0', async () => {
    const { server, clock, createStream } = harness
    server.answer = () => {}
    const stream = createStream({ connectTimeoutMs: 0 })
    stream.connect()
    await until(() => server.requests.length === 1)
    expect(clock.pending).toEqual([])
    clock.advance(3_600_000)
    expect(stream.status).toBe('connecting')
  })

  test('from a fetch that cannot stream is final', async () => {
    const response = { status: 200, headers: new Headers({ 'content-type': 'text/event-stream' }), url: '' }
    const stream = harness.createStream({ fetch: async () => response as Response })
    stream.connect()
    await until(() => stream.status === 'closed')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_CONFIGURATION', option: 'fetch' })
  })

  test('that arrives after close() is cancelled', async () => {
    let answer = (_: Response) => {}
    const stream = harness.createStream({
      fetch: () =>
        new Promise((resolve) => {
          answer = resolve
        }),
    })
    stream.connect()
    await new Promise((resolve) => setImmediate(resolve))
    stream.close()
    const cancelled = vi.fn()
    const headers = { 'content-type': 'text/event-stream' }
    answer(new Response(new ReadableStream({ cancel: cancelled }), { headers }))
    await until(() => cancelled.mock.calls.length === 1)
    expect(stream).toMatchObject({ status: 'closed', lastActivityAt: undefined })
  })

  test('from a fetch that ignores its signal is cancelled too', async () => {
    const cancelled = vi.fn()
    const body = new ReadableStream({ cancel: cancelled })
    const headers = { 'content-type': 'text/event-stream' }
    const stream = harness.createStream({ fetch: async () => new Response(body, { headers }) })
    stream.connect()
    await until(() => stream.status === 'open')
    stream.close()
    await until(() => cancelled.mock.calls.length === 1)
  })
})

describe('401', () => {
  test('refreshes once for all streams, then connects', async () => {
    const { server, createStream } = harness
    let token = 'old'
    server.answer = (request, response) =>
      request.headers.authorization === 'new' ? server.accept(response) : response.writeHead(401).end()
    const onUnauthorized = vi.fn(async () => {
      await until(() => server.requests.length === 2)
      token = 'new'
    })
    const headers = () => ({ authorization: token })
    const streams = [createStream({ headers, onUnauthorized }), createStream({ headers, onUnauthorized })]
    const onError = vi.fn()
    for (const stream of streams) stream.onError(onError)
    for (const stream of streams) stream.connect()
    await server.open(2)
    await until(() => streams.every(({ status }) => status === 'open'))
    expect(onUnauthorized).toHaveBeenCalledTimes(1)
    expect(server.requests).toHaveLength(4)
    expect(onError).not.toHaveBeenCalled()
  })

  test('is final when the refreshed credential is refused too', async () => {
    const { server, createStream } = harness
    server.answer = (_, response) => response.writeHead(401).end()
    const onUnauthorized = vi.fn()
    const stream = createStream({ onUnauthorized })
    stream.connect()
    await until(() => stream.status === 'closed')
    expect(onUnauthorized).toHaveBeenCalledTimes(1)
    expect(server.requests).toHaveLength(2)
    expect(stream.state.error).toMatchObject({ status: 401 })
  })

  test('is final if the hook rejects, and without a hook', async () => {
    const { server, createStream } = harness
    server.answer = (_, response) => response.writeHead(401).end()
    const rejecting = createStream({ onUnauthorized: () => Promise.reject('session over') })
    rejecting.connect()
    const without = createStream()
    without.connect()
    await until(() => rejecting.status === 'closed' && without.status === 'closed')
    expect(rejecting.state.error).toBe('session over')
    expect(without.state.error).toMatchObject({ status: 401 })
  })

  test('holds no connection while it refreshes', async () => {
    const { server, createStream } = harness
    let closed = false
    server.answer = (_, response) => {
      response.on('close', () => {
        closed = true
      })
      response.writeHead(401).write('x'.repeat(1_000))
    }
    createStream({ onUnauthorized: () => new Promise(() => {}) }).connect()
    await until(() => closed)
  })

  test('a hook that never settles times out after callbackTimeoutMs, and the attempt is retried', async () => {
    const { server, clock, createStream } = harness
    server.answer = (_, response) => response.writeHead(401).end()
    const signals: AbortSignal[] = []
    const onUnauthorized = ({ signal }: CallbackOptions) => {
      signals.push(signal)
      return new Promise<void>(() => {})
    }
    const streams = [createStream({ onUnauthorized }), createStream({ onUnauthorized, callbackTimeoutMs: 20_000 })]
    for (const stream of streams) stream.connect()
    await until(() => server.requests.length === 2 && signals.length === 1)
    await until(() => streams.every(({ state }) => state.error !== undefined))
    clock.advance(20_000)
    for (const stream of streams) await until(() => stream.status === 'waiting')
    expect(streams[0]?.state.error).toMatchObject({ code: 'RIVULET_CALLBACK_TIMEOUT', callback: 'onUnauthorized' })
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  })

  test('close() while a function hangs leaves no timer, aborts its signal, and calls no other function', async () => {
    const { clock, createStream } = harness
    let signal: AbortSignal | undefined
    const headers = vi.fn()
    const url = vi.fn((options: CallbackOptions) => {
      signal = options.signal
      return new Promise<string>((resolve) =>
        options.signal.addEventListener('abort', () => resolve('http://localhost')),
      )
    })
    const stream = createStream({ url, headers })
    stream.connect()
    expect(url).toHaveBeenCalledTimes(1)
    stream.close()
    expect(signal?.aborted).toBe(true)
    expect(clock.pending).toEqual([])
    await new Promise((resolve) => setImmediate(resolve))
    expect(headers).not.toHaveBeenCalled()
  })

  test('close() during the refresh stays closed', async () => {
    const { server, createStream } = harness
    server.answer = (_, response) => response.writeHead(401).end()
    let finish = () => {}
    const onUnauthorized = vi.fn(() => new Promise<void>((resolve) => (finish = resolve)))
    const fetchSpy = vi.fn(fetch)
    const stream = createStream({ onUnauthorized, fetch: fetchSpy })
    stream.connect()
    await until(() => onUnauthorized.mock.calls.length === 1)
    stream.close()
    finish()
    await new Promise((resolve) => setImmediate(resolve))
    expect(stream.status).toBe('closed')
    expect(fetchSpy).toHaveBeenCalledTimes(1)
  })
})
