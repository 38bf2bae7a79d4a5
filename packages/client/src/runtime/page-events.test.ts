import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { until, useHarness } from '../../test/harness.js'
import { frame, openFrame } from '../../test/sse-server.js'
import { pageBaseUrl, pageStorage } from './page-events.js'

const harness = useHarness()
let page: EventTarget & { visibilityState: string; baseURI: string }
let target: EventTarget

beforeEach(() => {
  target = new EventTarget()
  page = Object.assign(new EventTarget(), { visibilityState: 'hidden', baseURI: harness.server.url })
  vi.stubGlobal('addEventListener', target.addEventListener.bind(target))
  vi.stubGlobal('removeEventListener', target.removeEventListener.bind(target))
  vi.stubGlobal('document', page)
})

afterEach(() => {
  vi.unstubAllGlobals()
})

const fire = (type: string) => target.dispatchEvent(new Event(type))

function show(visible: boolean): void {
  page.visibilityState = visible ? 'visible' : 'hidden'
  page.dispatchEvent(new Event('visibilitychange'))
}

async function openStream(options = {}) {
  const stream = harness.createStream(options)
  stream.connect()
  await harness.server.open()
  harness.server.stream.write(openFrame())
  await until(() => stream.state.recovered === null)
  return stream
}

async function waitingStream(headers = {}) {
  harness.server.answer = (_, response) => response.writeHead(503, headers).end()
  const stream = harness.createStream()
  stream.connect()
  await until(() => stream.status === 'waiting')
  harness.server.answer = (_, response) => harness.server.accept(response)
  return stream
}

describe('online, visible and pageshow', () => {
  test.each([
    ['online', () => fire('online')],
    ['visible', () => show(true)],
    ['pageshow', () => fire('pageshow')],
  ])('%s ends the wait', async (_, happen) => {
    const stream = await waitingStream()
    happen()
    expect(stream.status).toBe('connecting')
    await harness.server.open()
    expect(harness.clock.pending).toHaveLength(1)
  })

  test.each([
    ['online', () => fire('online')],
    ['visible', () => show(true)],
    ['pageshow', () => fire('pageshow')],
  ])('%s does not shorten a delay that the server asked for', async (_, happen) => {
    const stream = await waitingStream({ 'retry-after': '60' })
    happen()
    expect(stream.status).toBe('waiting')
    harness.clock.advance(60_000)
    expect(stream.status).toBe('connecting')
  })

  test('online replaces a request that hangs', async () => {
    const { server, createStream } = harness
    server.answer = (_, response, attempt) => attempt === 2 && server.accept(response)
    const stream = createStream()
    stream.connect()
    await until(() => server.requests.length === 1)
    fire('online')
    await until(() => stream.status === 'open')
    expect(server.requests).toHaveLength(2)
  })

  test.each([
    ['visible', () => show(true)],
    ['online', () => fire('online')],
  ])('%s reconnects at once if the connection is dead by the clock', async (_, happen) => {
    const stream = await openStream()
    harness.clock.sleep(64_999)
    happen()
    expect(stream.status).toBe('open')
    harness.clock.sleep(1)
    happen()
    expect(stream.status).toBe('connecting')
    expect(stream.state.error).toMatchObject({ code: 'RIVULET_HEARTBEAT_TIMEOUT', idleMs: 65_000 })
    await harness.server.open(1)
  })

  test('becoming hidden changes nothing', async () => {
    const stream = await openStream()
    show(false)
    harness.clock.advance(1_000)
    expect(stream.status).toBe('open')
  })
})

describe('a page that is left', () => {
  test('holds no connection, and resumes when it returns', async () => {
    const stream = await openStream()
    harness.server.stream.write(frame('tick', { n: 1 }, '7'))
    await until(() => stream.lastEventId === '7')
    fire('pagehide')
    expect(stream.state).toMatchObject({ status: 'waiting', retryAt: undefined })
    await harness.server.open(0)
    // The retry of a page that is not shown would be a connection that no one can close.
    harness.clock.advance(1_000_000)
    expect(stream.status).toBe('waiting')
    fire('pageshow')
    await harness.server.open()
    expect(harness.server.cursors).toEqual([undefined, '7'])
  })

  test('the first pageshow of a page has no effect', async () => {
    const stream = await openStream()
    fire('pageshow')
    expect(stream.status).toBe('open')
    expect(harness.server.requests).toHaveLength(1)
  })
})

test('a closed stream listens to nothing', async () => {
  const added = [vi.spyOn(page, 'addEventListener'), vi.spyOn(globalThis, 'addEventListener')]
  const removed = [vi.spyOn(page, 'removeEventListener'), vi.spyOn(globalThis, 'removeEventListener')]
  const calls = (spies: typeof added) => spies.flatMap(({ mock }) => mock.calls)
  const stream = await openStream()
  // Not by a signal: a test environment's page may refuse it.
  expect(calls(added).map(([type, , options]) => [type, options])).toEqual([
    ['visibilitychange', undefined],
    ['online', undefined],
    ['beforeunload', undefined],
    ['pagehide', undefined],
    ['pageshow', undefined],
  ])
  stream.close()
  expect(calls(removed)).toEqual(calls(added))
  for (const type of ['online', 'pagehide', 'pageshow']) fire(type)
  show(true)
  expect(stream.status).toBe('closed')
})

test('a page resolves relative URLs', async () => {
  await openStream({ url: 'other?a=1' })
  expect(harness.server.requests[0]!.url).toBe('/other?a=1')
})

describe('without a page', () => {
  test('there is no base URL and no storage', () => {
    vi.unstubAllGlobals()
    expect(pageBaseUrl()).toBeUndefined()
    expect(pageStorage()).toBeUndefined()
  })

  test('a process-wide storage is not used', () => {
    vi.unstubAllGlobals()
    vi.stubGlobal('sessionStorage', { getItem: () => 'of another user', setItem: () => {} })
    expect(pageStorage()).toBeUndefined()
  })

  test('a forbidden storage is not used', () => {
    vi.stubGlobal('sessionStorage', undefined)
    Object.defineProperty(globalThis, 'sessionStorage', {
      configurable: true,
      get() {
        throw new DOMException('denied', 'SecurityError')
      },
    })
    expect(pageStorage()).toBeUndefined()
  })
})

describe('a page that is being left', () => {
  test('reports no error for the connection that the browser breaks off, and resumes if the page stays', async () => {
    const { server, clock } = harness
    const stream = await openStream()
    const errors: unknown[] = []
    stream.onError((error) => errors.push(error))
    fire('beforeunload')
    server.stream.destroy()
    await until(() => stream.status === 'waiting')
    expect(stream.state).toMatchObject({ error: undefined, retryAt: expect.any(Number) })
    clock.advance(2_000)
    await server.open()
    await until(() => stream.status === 'open')
    expect(errors).toEqual([])

    clock.advance(10_000)
    server.stream.destroy()
    await until(() => stream.status === 'waiting')
    expect(errors).toMatchObject([{ code: 'RIVULET_CONNECTION' }])
  })

  test('reports a request that cannot be repeated', async () => {
    const { server } = harness
    server.answer = (request) => {
      fire('beforeunload')
      request.socket.destroy()
    }
    const stream = harness.createStream({ body: 'order' })
    stream.connect()
    await until(() => stream.status === 'closed')
    expect(stream.state.error).toMatchObject({
      code: 'RIVULET_REQUEST_NOT_REPEATED',
      cause: { code: 'RIVULET_CONNECTION' },
    })
  })
})
