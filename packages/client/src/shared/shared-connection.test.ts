import { encodeControlEvent } from '@rivulet/core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FakeOrigin, type FakeTab } from '../../test/fake-tabs.js'
import { until, useHarness } from '../../test/harness.js'
import { frame, openFrame } from '../../test/sse-server.js'
import { ConfigurationError, EventStreamService, type EventStreamServiceOptions, HttpStatusError } from '../index.js'

const harness = useHarness()
let origin: FakeOrigin
/** Frames sent so far, by ID. The server of these tests can resume from any cursor. */
let history: { id: number; text: string }[]

beforeEach(() => {
  origin = new FakeOrigin()
  history = []
  harness.server.answer = (request, response) => {
    harness.server.accept(response)
    const cursor = request.headers['last-event-id'] as string | undefined
    const missed = cursor === undefined ? [] : history.filter(({ id }) => id > Number.parseInt(cursor, 36))
    response.write(
      openFrame({ heartbeatMs: 0, recovered: cursor === undefined ? null : true, replayed: missed.length }) +
        missed.map(({ text }) => text).join(''),
    )
  }
})

afterEach(() => {
  vi.unstubAllGlobals()
})

/** Sends ticks. The position of tick n is n. */
function send(...numbers: number[]): void {
  const texts = numbers.map((n) => frame('tick', { n }, n.toString(36)))
  numbers.forEach((id, i) => {
    history.push({ id, text: texts[i]! })
  })
  for (const stream of harness.server.streams) stream.write(texts.join(''))
}

interface Tab {
  readonly tab: FakeTab
  readonly stream: EventStreamService
  readonly received: unknown[]
}

function open(options: Partial<EventStreamServiceOptions> = {}): Tab {
  const tab = origin.tab()
  const abort = new AbortController()
  const crash = tab.crash.bind(tab)
  tab.crash = () => {
    crash()
    abort.abort()
  }
  return tab.run(() => {
    const stream = harness.createStream({
      shared: { key: 'alice' },
      clock: tab.clock(harness.clock),
      // The connections of a crashed tab break.
      fetch: (url, init) => fetch(url, { ...init, signal: AbortSignal.any([abort.signal, init!.signal!]) }),
      ...options,
    })
    const received: unknown[] = []
    stream.on('tick', (event) => received.push('n' in event ? event.n : undefined))
    stream.onGap(({ reason }) => received.push(reason))
    stream.connect()
    return { tab, stream, received }
  })
}

async function openThree(): Promise<[Tab, Tab, Tab]> {
  const tabs: [Tab, Tab, Tab] = [open(), open(), open()]
  for (const { stream } of tabs) await until(() => stream.status === 'open' && stream.state.recovered === null)
  return tabs
}

const all = (tabs: Tab[], ...expected: unknown[]) =>
  until(() => tabs.every(({ received }) => JSON.stringify(received) === JSON.stringify(expected)))

/** Lets notes between tabs arrive. */
async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Lets time pass while tabs exchange notes. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    harness.clock.advance(100)
    await turn()
  }
}

/** Lets the next tab take over. */
async function takeOver(): Promise<void> {
  await turn()
  harness.clock.advance(100)
  await until(() => harness.server.requests.length === 2)
  await harness.server.open(1)
}

describe('tabs of one origin', () => {
  test('share one connection, and all get every event', async () => {
    const tabs = await openThree()
    send(1, 2, 3)
    await all(tabs, 1, 2, 3)
    expect(harness.server.requests).toHaveLength(1)
    for (const { stream } of tabs) expect(stream).toMatchObject({ status: 'open', lastEventId: '3' })
  })

  test('have the state of the connection', async () => {
    const tabs = await openThree()
    harness.server.answer = (_, response) => response.writeHead(503).end()
    harness.server.drop()
    for (const { stream } of tabs) await until(() => stream.status === 'waiting')
    harness.clock.advance(1_000)
    for (const { stream } of tabs) await until(() => stream.state.attempt === 2)
    for (const { stream } of tabs) {
      expect(stream.state.error).toBeInstanceOf(HttpStatusError)
      expect(stream.state).toMatchObject({ retryAt: tabs[0].stream.state.retryAt, error: { status: 503 } })
    }
  })

  test('get gaps in order', async () => {
    const tabs = await openThree()
    send(1)
    harness.server.stream.write(encodeControlEvent({ type: 'rivulet:gap', reason: 'backplane' }))
    send(2)
    await all(tabs, 1, 'backplane', 2)
  })

  test('skip an event that is too large once, even if listeners of the gap connect again', async () => {
    const options = { maxEventBytes: 500 }
    const tabs = [open(options), open(options), open(options)]
    for (const { stream } of tabs) await until(() => stream.state.recovered === null)
    for (const { stream } of tabs.slice(0, 2)) stream.onGap(() => stream.reconnect())
    const [, , { stream, tab }] = tabs as [Tab, Tab, Tab]
    stream.onGap(() => {
      stream.close()
      tab.run(() => stream.connect())
    })
    send(1)
    const tooLarge = { id: 2, text: frame('tick', { padding: 'x'.repeat(500) }, '2') }
    history.push(tooLarge)
    harness.server.stream.write(tooLarge.text)
    await until(() => harness.server.requests.length > 1)
    await turn()
    await harness.server.open(1)
    send(3)
    await all(tabs, 1, 'oversized', 3)
    for (const { stream } of tabs) expect(stream.lastEventId).toBe('3')
    // No later request asks for it again.
    expect(harness.server.cursors.filter((cursor) => cursor !== '2' && cursor !== '3')).toEqual([undefined])
  })

  test('are all closed when the stream is over', async () => {
    const tabs = await openThree()
    harness.server.stream.write(encodeControlEvent({ type: 'rivulet:close', reason: 'over', retry: false }))
    for (const { stream } of tabs) await until(() => stream.status === 'closed')
    for (const { stream } of tabs) expect(stream.state.error).toMatchObject({ reason: 'over' })
    harness.clock.advance(1_000)
    await turn()
    expect(harness.server.requests).toHaveLength(1)
  })

  test('reconnect when one of them asks to', async () => {
    const [, follower] = await openThree()
    send(1)
    await until(() => follower.stream.lastEventId === '1')
    follower.stream.reconnect()
    await until(() => harness.server.requests.length === 2)
    expect(harness.server.cursors).toEqual([undefined, '1'])
    await harness.server.open(1)
  })

  test('that join later follow from there', async () => {
    const [first] = await openThree()
    send(1, 2)
    await until(() => first.stream.lastEventId === '2')
    const late = open()
    await until(() => late.stream.status === 'open')
    expect(late.stream.lastEventId).toBe('2')
    send(3)
    await all([late], 3)
  })

  test('that join with a cursor get events from the leader, and the rest from the server', async () => {
    history.push({ id: 1, text: frame('tick', { n: 1 }, '1') })
    const [first] = await openThree()
    send(2, 3, 4)
    await until(() => first.stream.lastEventId === '4')
    const known = open({ lastEventId: '2' })
    await all([known], 3, 4)
    expect(harness.server.requests).toHaveLength(1)
    const unknown = open({ lastEventId: '0' })
    await turn()
    harness.clock.advance(500)
    await all([unknown], 1, 2, 3, 4)
    expect(harness.server.cursors).toEqual([undefined, '0'])
    // The tab follows again.
    await harness.server.open(1)
    send(5)
    await all([known], 3, 4, 5)
    await all([unknown], 1, 2, 3, 4, 5)
  })
})

describe('the end of history', () => {
  /** Records events with the mark of replayed ones, and the places where the stream had caught up. */
  function marksOf({ stream }: Tab): unknown[] {
    const marks: unknown[] = []
    stream.on('tick', ({ n, replayed }: { n?: number; replayed?: boolean }) => marks.push(replayed ? `old ${n}` : n))
    stream.onLive(() => marks.push('live'))
    return marks
  }

  test('is told to each tab once, also to one that joins later', async () => {
    const first = open()
    const marks = marksOf(first)
    await until(() => first.stream.status === 'open')
    send(1)
    await until(() => first.stream.lastEventId === '1')
    const late = open()
    const lateMarks = marksOf(late)
    await until(() => late.stream.status === 'open')
    send(2)
    await all([late], 2)
    expect([marks, lateMarks]).toEqual([
      ['live', 1, 2],
      ['live', 2],
    ])
  })

  test('comes after what a tab with a cursor has missed', async () => {
    history.push({ id: 1, text: frame('tick', { n: 1 }, '1') })
    const first = open()
    await until(() => first.stream.status === 'open')
    send(2, 3, 4)
    await until(() => first.stream.lastEventId === '4')
    const known = open({ lastEventId: '2' })
    const unknown = open({ lastEventId: '0' })
    const marks = [marksOf(known), marksOf(unknown)]
    await all([known], 3, 4)
    await turn()
    harness.clock.advance(500)
    await all([unknown], 1, 2, 3, 4)
    await harness.server.open(1)
    send(5)
    await all([unknown], 1, 2, 3, 4, 5)
    await all([known], 3, 4, 5)
    expect(marks).toEqual([
      ['old 3', 'old 4', 'live', 5],
      ['old 1', 'old 2', 'old 3', 'old 4', 'live', 5],
    ])
  })

  test('is told again when another tab has taken over', async () => {
    const [leader, follower] = [open(), open()]
    await until(() => follower.stream.status === 'open')
    await turn()
    const marks = marksOf(follower)
    send(1)
    await all([leader, follower], 1)
    leader.tab.crash()
    send(2)
    await takeOver()
    send(3)
    await all([follower], 1, 2, 3)
    expect(marks).toEqual([1, 'old 2', 'live', 3])
  })
})

describe('a run', () => {
  const start = { method: 'POST', body: 'prompt', headers: { 'content-type': 'text/plain' } }
  const asked = () => harness.server.requests.map(({ method, url }) => `${method} ${url}`)

  beforeEach(() => {
    harness.server.answer = (request, response) => {
      harness.server.accept(response)
      const cursor = request.headers['last-event-id'] as string | undefined
      const missed = history.filter(({ id }) => id > Number.parseInt(cursor ?? '0', 36))
      const location = request.method === 'POST' ? { location: '/answers/42' } : {}
      const recovered = cursor === undefined ? null : true
      const open = {
        type: 'rivulet:open',
        connectionId: 'c',
        heartbeatMs: 0,
        recovered,
        run: true,
        ...location,
      } as const
      const texts = missed.map(({ text }) => text)
      response.write(encodeControlEvent({ ...open, replayed: missed.length }) + texts.join(''))
    }
  })

  test.each([
    ['closed', ({ stream }: Tab) => stream.close()],
    ['crashed', ({ tab }: Tab) => tab.crash()],
  ])('that a POST has started is read on by GET when the tab that started it is %s', async (_, leave) => {
    const [leader, ...others] = [open(start), open(start), open(start)]
    for (const { stream } of others) await until(() => stream.state.location !== undefined)
    send(1, 2)
    await all([leader!, ...others], 1, 2)
    leave(leader!)
    await takeOver()
    send(3)
    await all(others, 1, 2, 3)
    expect(asked()).toEqual(['POST /events', 'GET /answers/42'])
    expect(harness.server.cursors).toEqual([undefined, '2'])
    expect(harness.server.bodies).toEqual(['prompt', ''])
    const end = encodeControlEvent({ type: 'rivulet:end', state: 'done' })
    harness.server.stream.write(end)
    for (const { stream } of others) await until(() => stream.state.ended?.state === 'done')
    expect(asked()).toHaveLength(2)
  })

  test.each([
    ['a POST has started', start, ['POST /events', 'GET /answers/42']],
    ['a GET reads', {}, ['GET /events', 'GET /events']],
  ])('that %s is read from its beginning by a tab that joins later', async (_, options, requests) => {
    const first = open(options)
    await until(() => first.stream.state.recovered === null)
    send(1, 2)
    await all([first], 1, 2)
    const late = open(options)
    const marks: unknown[] = []
    late.stream.on('tick', ({ replayed }) => marks.push(replayed))
    late.stream.onLive(() => marks.push('live'))
    await all([late], 1, 2)
    // It shares the connection from there on.
    await harness.server.open(1)
    send(3)
    await all([first, late], 1, 2, 3)
    expect(marks).toEqual([true, true, 'live', undefined])
    expect(asked()).toEqual(requests)
  })
})

describe('when the leader leaves', () => {
  test('by closing, the next one continues at its cursor', async () => {
    const [leader, ...others] = await openThree()
    send(1, 2)
    await all([leader, ...others], 1, 2)
    leader.stream.close()
    await takeOver()
    expect(leader.stream.status).toBe('closed')
    send(3)
    await all(others, 1, 2, 3)
    expect(leader.received).toEqual([1, 2])
    expect(harness.server.cursors).toEqual([undefined, '2'])
  })

  test('by crashing, no event is lost or duplicated', async () => {
    const [leader, ...others] = await openThree()
    send(1)
    await all([leader, ...others], 1)
    // The server sends again what only the crashed leader received.
    leader.tab.crash()
    send(2)
    await takeOver()
    send(3)
    await all(others, 1, 2, 3)
  })

  test('by freezing, another one takes the lock, and later notes of the frozen one are ignored', async () => {
    const [leader, ...others] = await openThree()
    send(1)
    await all([leader, ...others], 1)
    leader.tab.freeze()
    await pass(4_500)
    await harness.server.open(2)
    // The frozen tab's connection is still open and receives.
    send(2)
    await all(others, 1, 2)
    expect(leader.received).toEqual([1])
    await leader.tab.thaw()
    await harness.server.open(1)
    send(3)
    await all([leader, ...others], 1, 2, 3)
    // The tab waits for the lock again.
    for (const { stream } of others) stream.close()
    await harness.server.open(0)
    await turn()
    harness.clock.advance(100)
    await harness.server.open(1)
    send(4)
    await all([leader], 1, 2, 3, 4)
  })

  test('a follower ahead of the new leader gets no event twice', async () => {
    const [leader, successor, ahead] = await openThree()
    send(1)
    await all([leader, successor, ahead], 1)
    successor.tab.freeze()
    send(2)
    await all([leader, ahead], 1, 2)
    leader.tab.crash()
    successor.tab.lose()
    await successor.tab.thaw()
    await takeOver()
    send(3)
    await all([successor, ahead], 1, 2, 3)
    expect(harness.server.cursors).toEqual([undefined, '1'])
  })

  test('a follower behind the new leader gets the rest from it', async () => {
    const [leader, successor, behind] = await openThree()
    send(1)
    await all([leader, successor, behind], 1)
    behind.tab.freeze()
    send(2, 3)
    await all([leader, successor], 1, 2, 3)
    leader.tab.crash()
    await takeOver()
    send(4)
    await all([successor], 1, 2, 3, 4)
    await behind.tab.thaw()
    await all([behind], 1, 2, 3, 4)
  })

  test('the next one leads even if it becomes visible meanwhile', async () => {
    const listeners: (() => void)[] = []
    const page = {
      baseURI: harness.server.url,
      visibilityState: 'visible',
      addEventListener: (_: string, listener: () => void) => listeners.push(listener),
      removeEventListener() {},
    }
    vi.stubGlobal('document', page)
    const [leader, ...others] = await openThree()
    send(1)
    await all([leader, ...others], 1)
    leader.stream.close()
    await turn()
    // The browser shows the next tab instead of the closed one.
    for (const listener of listeners) listener()
    await takeOver()
    send(2)
    await all(others, 1, 2)
  })

  test('before its stream was open, a tab that had not begun either begins with the next one, without a gap', async () => {
    const { answer } = harness.server
    harness.server.answer = () => {}
    const [leader, follower] = [open(), open()]
    await until(() => harness.server.requests.length === 1)
    await turn()
    leader.tab.freeze()
    follower.tab.freeze()
    harness.server.answer = answer
    const third = open()
    await pass(4_500)
    await until(() => third.stream.status === 'open')
    await follower.tab.thaw()
    await until(() => follower.stream.status === 'open')
    send(1)
    await all([follower, third], 1)
  })

  test('an idle leader stays the leader', async () => {
    const tabs = await openThree()
    await pass(20_000)
    expect(harness.server.requests).toHaveLength(1)
    send(1)
    await all(tabs, 1)
  })
})

describe('a stuck tab', () => {
  test('silences no other tab, even if it leads', async () => {
    const [leader, ...others] = await openThree()
    leader.stream.events('tick', { bufferSize: 1 })
    const numbers = Array.from({ length: 3_000 }, (_, i) => i + 1)
    for (const n of numbers) send(n)
    await all(others, ...numbers)
    expect(leader.received).toEqual([1])
    expect(harness.server.requests).toHaveLength(1)
  })
})

describe('a follower', () => {
  test('that is stuck falls behind alone, and gets the rest from the server', async () => {
    const [leader, slow] = await openThree()
    const iterator = slow.stream.events('tick', { bufferSize: 2 })
    send(1, 2)
    await all([leader, slow], 1, 2)
    for (let n = 3; n <= 1_500; n++) send(n)
    await until(() => leader.received.length === 1_500)
    expect(slow.received).toEqual([1, 2])
    for (let n = 1; n <= 1_500; n++) {
      expect((await iterator.next()).value).toMatchObject({ n })
      if (n !== 2) continue
      await turn()
      harness.clock.advance(500)
    }
    expect(slow.received).toEqual(leader.received)
    expect(harness.server.cursors).toEqual([undefined, '2'])
    await harness.server.open(1)
  })

  test('that lost notes of the leader asks for their items before it takes later ones', async () => {
    const [leader, follower] = await openThree()
    send(1)
    await all([leader, follower], 1)
    follower.tab.freeze()
    send(2, 3)
    await all([leader], 1, 2, 3)
    await turn()
    follower.tab.lose()
    await follower.tab.thaw()
    send(4)
    await all([leader, follower], 1, 2, 3, 4)
    expect(harness.server.requests).toHaveLength(1)
  })

  test('that is stuck and lost notes keeps its unread items', async () => {
    const [leader, slow] = await openThree()
    const iterator = slow.stream.events('tick', { bufferSize: 2 })
    send(1, 2, 3, 4)
    await all([leader], 1, 2, 3, 4)
    await all([slow], 1, 2)
    await turn()
    slow.tab.freeze()
    send(5)
    await all([leader], 1, 2, 3, 4, 5)
    await turn()
    slow.tab.lose()
    await slow.tab.thaw()
    send(6)
    await all([leader], 1, 2, 3, 4, 5, 6)
    for (let n = 1; n <= 6; n++) expect((await iterator.next()).value).toMatchObject({ n })
    expect(slow.received).toEqual([1, 2, 3, 4, 5, 6])
    expect(harness.server.requests).toHaveLength(1)
  })

  test('that had to ask twice takes only one of the answers', async () => {
    // A foreign stream: no position tells its events apart.
    harness.server.answer = (_, response) => harness.server.accept(response)
    const leader = open()
    await until(() => leader.stream.status === 'open')
    send(1, 2)
    await all([leader], 1, 2)
    const { postMessage } = BroadcastChannel.prototype
    const hellos: { question: number }[] = []
    const post = vi.spyOn(BroadcastChannel.prototype, 'postMessage').mockImplementation(function (
      this: BroadcastChannel,
      note,
    ) {
      if (note.type === 'hello') hellos.push(note)
      postMessage.call(this, note)
    })
    leader.tab.freeze()
    const late = open({ lastEventId: '1' })
    await until(() => hellos.length === 1)
    await pass(1_500)
    expect(hellos).toHaveLength(2)
    await leader.tab.thaw()
    await all([late], 2)
    send(3)
    await all([leader], 1, 2, 3)
    await all([late], 2, 3)
    post.mockRestore()
  })

  test('that closes in a handler takes nothing more, and resumes at its cursor', async () => {
    const [, follower] = await openThree()
    follower.stream.on('tick', ({ id }) => id === '2' && follower.stream.close())
    send(1, 2, 3)
    await until(() => follower.stream.status === 'closed')
    expect(follower.received).toEqual([1, 2])
    follower.tab.run(() => follower.stream.connect())
    await all([follower], 1, 2, 3)
    expect(harness.server.requests).toHaveLength(1)
  })
})

describe('a page that is left', () => {
  test('stops leading, and returns as a follower', async () => {
    const leader = open()
    await until(() => leader.stream.status === 'open')
    const other = open()
    await until(() => other.stream.status === 'open')
    send(1)
    await all([leader, other], 1)
    leader.tab.page.dispatchEvent(new Event('pagehide'))
    expect(leader.stream.status).toBe('waiting')
    await takeOver()
    send(2)
    await all([other], 1, 2)
    leader.tab.run(() => leader.tab.page.dispatchEvent(new Event('pageshow')))
    await all([leader], 1, 2)
    expect(harness.server.requests).toHaveLength(2)
  })
})

describe('a stream has its own connection', () => {
  test('without locks', async () => {
    vi.stubGlobal('navigator', {})
    open()
    open()
    await harness.server.open(2)
  })

  const fail = () => {
    throw new DOMException('forbidden', 'SecurityError')
  }

  test.each<[string, () => void]>([
    [
      'locks may not be looked at',
      () =>
        vi.stubGlobal('navigator', {
          get locks() {
            return fail()
          },
        }),
    ],
    ['locks are forbidden', () => vi.stubGlobal('navigator', { locks: { request: async () => fail() } })],
    ['a request for a lock throws', () => vi.stubGlobal('navigator', { locks: { request: fail } })],
    ['there is no BroadcastChannel', () => vi.stubGlobal('BroadcastChannel', undefined)],
    [
      'BroadcastChannel is forbidden',
      () =>
        vi.stubGlobal(
          'BroadcastChannel',
          class {
            constructor() {
              fail()
            }
          },
        ),
    ],
    [
      'nothing can be posted',
      () =>
        vi.stubGlobal(
          'BroadcastChannel',
          class {
            postMessage = fail
            close() {}
          },
        ),
    ],
  ])('where %s', async (_, forbid) => {
    forbid()
    const tabs = [open(), open()]
    await harness.server.open(2)
    for (const { stream } of tabs) await until(() => stream.state.recovered === null)
    send(1)
    await all(tabs, 1)
    for (const { stream } of tabs) stream.close()
    await harness.server.open(0)
    for (const { stream, tab } of tabs) tab.run(() => stream.connect())
    await harness.server.open(2)
    send(2)
    await all(tabs, 1, 2)
  })

  test('once posting fails', async () => {
    const [leader, follower] = await openThree()
    send(1)
    await all([leader, follower], 1)
    const post = vi.spyOn(BroadcastChannel.prototype, 'postMessage').mockImplementation(fail)
    send(2)
    await all([leader], 1, 2)
    await pass(4_500)
    await all([follower], 1, 2)
    await harness.server.open(3)
    send(3)
    await all([leader, follower], 1, 2, 3)
    post.mockRestore()
  })

  test('if the key, the body or the URL differs', async () => {
    open()
    open({ shared: { key: 'bob' }, headers: { authorization: 'bob' } })
    open({ body: 'room 1' })
    open({ body: 'room 2' })
    open({ url: `${harness.server.url}?room=1` })
    await harness.server.open(5)
  })
})

/** Makes a channel to the tabs that open from now on, for another page of their origin. */
function stranger(): () => BroadcastChannel {
  const names: string[] = []
  const { BroadcastChannel } = globalThis
  vi.stubGlobal(
    'BroadcastChannel',
    class extends BroadcastChannel {
      constructor(name: string) {
        super(name)
        names.push(name)
      }
    },
  )
  return () => {
    expect(names[0]).toMatch(/^rivulet:shared:4:/)
    return new BroadcastChannel(names[0]!)
  }
}

/** Makes a note of a leader that all tabs would follow. */
const leaderNote = (term: number) => ({
  type: 'log',
  leader: [term, 'x'],
  before: [term, 1],
  items: [] as unknown[],
  state: { status: 'open', attempt: 0 },
})

test('an invalid note is ignored', async () => {
  const channel = stranger()
  const tabs = await openThree()
  const term = harness.clock.now() + 1_000
  const log = leaderNote(term)
  for (const note of [
    undefined,
    null,
    7,
    'hello',
    {},
    { type: 'constructor' },
    { type: 'hello' },
    { type: 'welcome', to: 1 },
    { ...log, leader: [Number.NaN, 'x'] },
    leaderNote(Number.MAX_SAFE_INTEGER),
    { ...log, leader: undefined },
    { ...log, before: 'there' },
    { ...log, items: [undefined] },
    { ...log, items: [{ place: [term, 2], message: { event: 'tick' } }] },
    { ...log, items: [{ place: [term, 2], id: 7 }] },
    { ...log, items: [{ place: [term, 2], gap: 'big' }] },
    { ...log, state: { status: 'happy', attempt: 0 } },
    { ...log, state: undefined },
  ]) {
    channel().postMessage(note)
  }
  await turn()
  send(1)
  await all(tabs, 1)
  expect(harness.server.requests).toHaveLength(1)
  tabs[0].stream.close()
  await takeOver()
  send(2)
  await all(tabs.slice(1), 1, 2)
})

test('a key is required if tabs of two users could share', () => {
  const url = 'http://localhost/'
  for (const options of [
    { url },
    { url, credentials: 'include' as const },
    { url: () => url, credentials: 'omit' as const },
    { url, headers: { authorization: 'x' }, credentials: 'omit' as const },
    { url, body: () => '{}', credentials: 'omit' as const },
  ]) {
    expect(() => new EventStreamService({ ...options, shared: true })).toThrow(ConfigurationError)
    expect(() => new EventStreamService({ ...options, shared: {} })).toThrow(ConfigurationError)
    expect(new EventStreamService({ ...options, shared: { key: 'alice' } }).status).toBe('idle')
  }
  expect(new EventStreamService({ url, credentials: 'omit', shared: true }).status).toBe('idle')
  expect(new EventStreamService({ url, shared: false }).status).toBe('idle')
})

test('a server may create one with a relative URL, to render a page', () => {
  vi.stubGlobal('navigator', { locks: {} })
  expect(new EventStreamService({ url: '/events', shared: { key: 'alice' } }).status).toBe('idle')
})
