import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDecoder, type DecoderOptions, EventTooLargeError, type SseMessage } from './index.js'

type Call = ['message', SseMessage] | ['retry', number] | ['comment', string]

/** Everything that the decoder calls for these chunks, in order, with what it is left with. */
function decodeAll(chunks: (Uint8Array | string)[], options: Partial<DecoderOptions> = {}) {
  const calls: Call[] = []
  const decoder = createDecoder({
    onMessage: (message) => calls.push(['message', message]),
    onRetry: (retry) => calls.push(['retry', retry]),
    onComment: (comment) => calls.push(['comment', comment]),
    ...options,
  })
  for (const chunk of chunks) decoder.feed(chunk)
  return { calls, lastEventId: decoder.lastEventId }
}

function messages(...chunks: (Uint8Array | string)[]): SseMessage[] {
  return decodeAll(chunks).calls.flatMap(([kind, value]) => (kind === 'message' ? [value] : []))
}

const message = (data: string, event = 'message', lastEventId = ''): SseMessage => ({ event, data, lastEventId })

const bytes = (...values: number[]) => Uint8Array.from(values)
const utf8 = (text: string) => new TextEncoder().encode(text)
const concat = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]))
const oneByOne = (whole: Uint8Array) => Array.from(whole, (byte) => bytes(byte))

describe("the standard's own examples", () => {
  it('joins data lines by LF', () => {
    expect(messages('data: YHOO\ndata: +2\ndata: 10\n\n')).toEqual([message('YHOO\n+2\n10')])
  })

  it('ignores a comment, keeps an id, resets it by an empty one, and strips only one space', () => {
    const stream =
      ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\ndata: cut short'
    expect(decodeAll([stream])).toEqual({
      calls: [
        ['comment', 'test stream'],
        ['message', message('first event', 'message', '1')],
        ['message', message('second event')],
        ['message', message(' third event')],
      ],
      lastEventId: '',
    })
  })

  it('dispatches empty data, and discards a block without its blank line', () => {
    expect(messages('data\n\ndata\ndata\n\ndata:')).toEqual([message(''), message('\n')])
  })

  it('treats a field with and without a space the same', () => {
    expect(messages('data:test\n\ndata: test\n\n')).toEqual([message('test'), message('test')])
  })
})

describe('lines', () => {
  it.each([
    ['LF', '\n'],
    ['CR', '\r'],
    ['CRLF', '\r\n'],
  ])('end with %s', (_, end) => {
    const stream = ['event: a', 'data: 1', 'data: 2', '', 'data: 3', '', ''].join(end)
    const expected = [message('1\n2', 'a'), message('3')]
    expect(messages(stream)).toEqual(expected)
    expect(messages(...stream)).toEqual(expected)
    expect(messages(...oneByOne(utf8(stream)))).toEqual(expected)
  })

  it('may mix all line endings within one stream', () => {
    expect(messages('data: 1\r\n\ndata: 2\r\rdata: 3\n\r\ndata: 4\n\n')).toEqual(
      ['1', '2', '3', '4'].map((d) => message(d)),
    )
  })

  it('reads a CRLF split over two chunks as one line ending', () => {
    expect(messages('data: 1\r', '\ndata: 2\r', '\n\r', '\n')).toEqual([message('1\n2')])
  })

  it('dispatches at a CR without waiting for what follows', () => {
    expect(messages('data: 1\r\r')).toEqual([message('1')])
  })

  it('ignores an empty chunk between CR and LF', () => {
    expect(messages('data: 1\r', '', bytes(), '\ndata: 2\n\n')).toEqual([message('1\n2')])
  })
})

describe('fields', () => {
  it('ignores unknown ones, and names that only begin or end like known ones', () => {
    expect(messages('datax: 1\ndat: 1\n data: 1\neventx: e\nidx: 1\nDATA: 1\nfoo\ndata: yes\n\n')).toEqual([
      message('yes'),
    ])
  })

  it('without a colon have the empty value', () => {
    expect(messages('event: a\nevent\ndata\n\n')).toEqual([message('')])
  })

  it('keep further colons and spaces', () => {
    expect(messages('data:  a: b \n\n')).toEqual([message(' a: b ')])
  })

  it('do not carry an event name over to the next block', () => {
    expect(messages('event: a\n\ndata: 1\n\nevent: b\ndata: 2\n\ndata: 3\n\n')).toEqual([
      message('1'),
      message('2', 'b'),
      message('3'),
    ])
  })

  it.each(['abc', '-1', '1.5', '+1', '1e3', ' 1', '', '0x10', '１'])('ignore retry: %j', (value) => {
    expect(decodeAll([`retry: ${value}\n\n`]).calls).toEqual([])
  })

  it('report retry at its line, whatever its size', () => {
    expect(decodeAll(['retry: 0\nretry:2000\nretry: 99999999999']).calls).toEqual([
      ['retry', 0],
      ['retry', 2000],
    ])
  })

  it('report comments without their colon and one space', () => {
    expect(decodeAll([':\n: a\n:b\n:  c\n']).calls).toEqual(['', 'a', 'b', ' c'].map((comment) => ['comment', comment]))
  })
})

describe('last event ID', () => {
  it('is kept for events without one', () => {
    expect(messages('id: 1\ndata: a\n\ndata: b\n\n')).toEqual([
      message('a', 'message', '1'),
      message('b', 'message', '1'),
    ])
  })

  it('is set by a block that has nothing else', () => {
    expect(decodeAll(['id: 7\n\n'])).toEqual({ calls: [], lastEventId: '7' })
  })

  it('is not set by an incomplete block', () => {
    expect(decodeAll(['id: 1\ndata: a\n\nid: 2\ndata: b\n']).lastEventId).toBe('1')
  })

  it('is not changed by an id with NUL', () => {
    expect(messages('id: 1\n\nid: 2\0\ndata: a\n\n')).toEqual([message('a', 'message', '1')])
  })

  it('begins at the ID in the options', () => {
    expect(decodeAll(['data: a\n\n'], { lastEventId: '9' })).toEqual({
      calls: [['message', message('a', 'message', '9')]],
      lastEventId: '9',
    })
  })
})

describe('bytes', () => {
  const bom = bytes(0xef, 0xbb, 0xbf)

  it('lose one byte order mark at the very start, even if it is split', () => {
    const stream = concat(bom, utf8('data: 1\n\n'))
    expect(messages(stream)).toEqual([message('1')])
    expect(messages(...oneByOne(stream))).toEqual([message('1')])
  })

  it('keep a second mark, one in a later chunk, and one in text', () => {
    expect(messages(concat(bom, bom, utf8('data: 1\n\n')))).toEqual([])
    expect(messages(utf8('data: 1\n\n'), concat(bom, utf8('data: 2\n\ndata: 3\n\n')))).toEqual([
      message('1'),
      message('3'),
    ])
    expect(messages('\ufeffdata: 1\n\ndata: 2\n\n')).toEqual([message('2')])
    expect(messages(concat(utf8('data: '), bom, utf8('1\n\n')))).toEqual([message('\ufeff1')])
    expect(messages('\n', concat(bom, utf8('data: 1\n\n')))).toEqual([])
  })

  it('decode like the platform decodes the whole, no matter how broken they are', () => {
    const pieces = [
      [0xc3],
      [0xa9],
      [0xe2, 0x82],
      [0xac],
      [0xf0, 0x9f, 0x98],
      [0x80],
      [0x80],
      [0xff],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe2],
      [0x41],
    ]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), fc.array(fc.nat(40)), (parts, cuts) => {
        const body = concat(utf8('data: '), ...parts.map((part) => bytes(...part)), utf8('.\n\n'))
        const expected = new TextDecoder().decode(body.subarray(6, body.length - 2))
        expect(messages(...cut(body, cuts))).toEqual([message(expected)])
      }),
    )
  })

  it('that end in the middle of a character are completed by text', () => {
    expect(messages(utf8('data: a'), bytes(0xe2, 0x82), 'b\n\n')).toEqual([message('a\ufffdb')])
  })
})

describe('chunks', () => {
  const line = fc.oneof(
    fc.constantFrom(
      'data',
      'data:',
      'data: x',
      'id: 1',
      'id',
      'id:\u0000',
      'event: e',
      'event',
      'retry: 5',
      'retry: x',
      ':',
      ': c',
      'foo: bar',
    ),
    fc.string({ unit: 'binary', maxLength: 20 }).map((value) => `data: ${value}`),
    fc.string({ maxLength: 5 }),
  )
  const stream = fc
    .array(fc.tuple(line, fc.constantFrom('\n', '\r', '\r\n', '\n\n', '\r\r', '\r\n\r\n')), { maxLength: 30 })
    .map((lines) => utf8(lines.flat().join('')))

  it('may be cut anywhere: the same bytes give the same calls', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(300), { maxLength: 20 }), (body, cuts) => {
        expect(decodeAll(cut(body, cuts))).toEqual(decodeAll([body]))
      }),
      { numRuns: 500 },
    )
  })

  it('match a literal implementation of the standard', () => {
    fc.assert(
      fc.property(stream, (body) => {
        expect(decodeAll(oneByOne(body)).calls.filter(([kind]) => kind === 'message')).toEqual(
          readLiterally(new TextDecoder().decode(body)).map((value) => ['message', value]),
        )
      }),
      { numRuns: 500 },
    )
  })

  it('of one very long line are read in linear time', () => {
    const size = 64 * 1024 * 1024
    const chunk = new Uint8Array(16 * 1024).fill(97)
    const chunks = [utf8('data: '), ...Array.from({ length: size / chunk.length }, () => chunk), utf8('\n\n')]
    let length = 0
    const decoder = createDecoder({ maxEventBytes: size + 10, onMessage: ({ data }) => (length = data.length) })
    for (const part of chunks) decoder.feed(part)
    expect(length).toBe(size)
  })
})

describe('the size limit', () => {
  const limit = 64

  it.each([
    ['one line', `data: ${'a'.repeat(58)}\n\n`, `data: ${'a'.repeat(59)}\n\n`],
    [
      'several lines',
      `data: ${'a'.repeat(20)}\ndata:${'b'.repeat(38)}\n\n`,
      `data: ${'a'.repeat(20)}\ndata:${'b'.repeat(39)}\n\n`,
    ],
    ['bytes, not characters', `data: ${'é'.repeat(29)}\n\n`, `data: ${'é'.repeat(29)}a\n\n`],
    ['surrogate pairs', `data: ${'😀'.repeat(14)}ab\n\n`, `data: ${'😀'.repeat(14)}abc\n\n`],
    ['a comment', `:${'a'.repeat(63)}\n`, `:${'a'.repeat(64)}\n`],
  ])('counts %s, the same in any chunks', (_, within, over) => {
    for (const split of [
      (text: string) => [utf8(text)],
      (text: string) => oneByOne(utf8(text)),
      (text: string) => [text],
    ]) {
      expect(() => decodeAll(split(within), { maxEventBytes: limit })).not.toThrow()
      expect(() => decodeAll(split(over), { maxEventBytes: limit })).toThrow(EventTooLargeError)
    }
  })

  it('applies to one event: many small ones and endless comments pass', () => {
    const { calls } = decodeAll(
      Array.from({ length: 100 }, () => 'data: 0123456789\n\n:ping\n'),
      { maxEventBytes: limit },
    )
    expect(calls).toHaveLength(200)
  })

  it('delivers earlier events, stops there, and starts over after reset', () => {
    const seen: string[] = []
    const decoder = createDecoder({ maxEventBytes: limit, onMessage: ({ data }) => seen.push(data) })
    const tooLong = `id: 1\ndata: ok\n\nid: 2\ndata: ${'a'.repeat(limit)}`
    expect(() => decoder.feed(tooLong)).toThrow(new EventTooLargeError(limit, '2'))
    expect(() => decoder.feed('\n\ndata: later\n\n')).toThrow(EventTooLargeError)
    expect(decoder.lastEventId).toBe('1')
    decoder.reset()
    decoder.feed('data: new\n\n')
    expect(seen).toEqual(['ok', 'new'])
  })

  it('reports the ID of the event if it came before its data', () => {
    const caught = (stream: string) => {
      try {
        decodeAll([stream], { maxEventBytes: limit })
      } catch (error) {
        return (error as EventTooLargeError).lastEventId
      }
      throw new Error('It was not too large.')
    }
    expect(caught(`id: 1\ndata: ok\n\nid: 2\ndata: ${'x'.repeat(limit)}\n\n`)).toBe('2')
    expect(caught(`id: 1\ndata: ok\n\ndata: ${'x'.repeat(limit)}\nid: 2\n\n`)).toBeUndefined()
  })

  it.each([
    ['its ID is in front', `id: 2\ndata: ${'x'.repeat(limit)}\n\n`, '2', '2'],
    ['its ID is behind', `data: ${'x'.repeat(limit)}\nid: 2\n\n`, '2', '2'],
    ['it has the ID of the event before', `data: ${'x'.repeat(limit)}\nid: 1\n\n`, '1', '1'],
    ['it has none', `data: ${'x'.repeat(limit)}\n\n`, undefined, '1'],
    ['it is several lines', `${'data: 0123456789\n'.repeat(5)}data: more\n\n`, undefined, '1'],
    ['its name is too long', `event: ${'x'.repeat(limit)}\ndata: y\n\n`, undefined, '1'],
    ['its ID is too long', `data: y\nid: ${'x'.repeat(limit)}\n\n`, undefined, '1'],
  ])('skips an event that is too large if it can report it: %s', (_, event, id, lastEventId) => {
    const stream = utf8(`id: 1\ndata: before\n\n${event}data: after\n\n`)
    for (const chunks of [[stream], oneByOne(stream), cut(stream, [40, 90, 110])]) {
      const told: unknown[] = []
      const onTooLarge = (error: unknown) => told.push(error)
      const { calls } = decodeAll(chunks, { maxEventBytes: limit, onTooLarge })
      expect(told).toEqual([new EventTooLargeError(limit, id)])
      expect(told).toMatchObject([{ lastEventId: id }])
      expect(calls).toEqual([
        ['message', message('before', 'message', '1')],
        ['message', message('after', 'message', lastEventId)],
      ])
    }
  })

  it.each([
    ['a comment', `:${'c'.repeat(5 * limit)}\n`],
    ['an unknown field', `unknown: ${'c'.repeat(5 * limit)}\n`],
    ['a name of its own', `data${'c'.repeat(5 * limit)}\n`],
  ])('drops %s that is too large, and keeps its event', (_, line) => {
    const stream = utf8(`id: 1\ndata: a\n${line}data: b\n\n`)
    for (const chunks of [[stream], oneByOne(stream), cut(stream, [100, 110])]) {
      const onTooLarge = () => expect.unreachable()
      expect(decodeAll(chunks, { maxEventBytes: limit, onTooLarge }).calls).toEqual([
        ['message', message('a\nb', 'message', '1')],
      ])
    }
  })

  it('buffers no more than the limit of an event that it skips', () => {
    const told: unknown[] = []
    const decoder = createDecoder({ maxEventBytes: 1024, onMessage: () => {}, onTooLarge: (error) => told.push(error) })
    decoder.feed('data: ')
    const chunk = utf8('x'.repeat(1024 * 1024))
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 64; i++) decoder.feed(chunk)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(32 * 1024 * 1024)
    decoder.feed('\n\n')
    expect(told).toHaveLength(1)
  })

  it('skips the same events for all chunks', () => {
    const part = fc.constantFrom('data', 'event', 'id', ':', ': ', 'xx', 'é', '😀', '0123456789', '\n', '\r\n', '\n\n')
    fc.assert(
      fc.property(
        fc.array(part),
        fc.array(fc.nat(300), { maxLength: 20 }),
        fc.integer({ min: 8, max: 30 }),
        (parts, cuts, maxEventBytes) => {
          const skip = (chunks: (Uint8Array | string)[]) => {
            const told: unknown[] = []
            const onTooLarge = (error: EventTooLargeError) => told.push(error.lastEventId)
            return [decodeAll(chunks, { maxEventBytes, onTooLarge }), told]
          }
          const body = utf8(parts.join(''))
          expect(skip(cut(body, cuts))).toEqual(skip([body]))
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('gives each message its own ID, even if it equals the previous one', () => {
    const ids: (string | undefined)[] = []
    const decoder = createDecoder({ onMessage: (_, id) => ids.push(id) })
    decoder.feed('id: 1\ndata: a\n\nid: 1\ndata: b\n\ndata: c\n\nid: 2\n\ndata: d\n\nid\ndata: e\n\n')
    expect(ids).toEqual(['1', '1', undefined, undefined, ''])
  })

  it('stops a line that never ends after 1 MiB by default', () => {
    const decoder = createDecoder({ onMessage: () => {} })
    const chunk = new Uint8Array(64 * 1024).fill(97)
    for (let i = 0; i < 16; i++) decoder.feed(chunk)
    expect(() => decoder.feed(bytes(97))).toThrow(
      expect.objectContaining({ code: 'RIVULET_EVENT_TOO_LARGE', maxEventBytes: 1_048_576 }),
    )
  })
})

describe('reset', () => {
  it('forgets the unfinished block, line, character and CR, and keeps the last event ID', () => {
    const seen: SseMessage[] = []
    const decoder = createDecoder({ onMessage: (value) => seen.push(value) })
    decoder.feed('id: 1\ndata: a\n\nid: 2\nevent: e\ndata: b\r')
    decoder.reset()
    decoder.feed('\ndata: c\n\ndat')
    decoder.reset()
    decoder.feed(concat(bytes(0xef, 0xbb, 0xbf), utf8('data: d'), bytes(0xe2)))
    decoder.reset()
    decoder.feed(utf8('data: e\n\n'))
    expect(seen).toEqual([message('a', 'message', '1'), message('c', 'message', '1'), message('e', 'message', '1')])
  })

  it('inside a callback drops the rest of the chunk', () => {
    const seen: string[] = []
    const decoder = createDecoder({
      onMessage: ({ data }) => {
        seen.push(data)
        if (data === '1') decoder.reset()
      },
    })
    decoder.feed('data: 1\n\ndata: 2\n\ndata: x')
    decoder.feed('data: 3\n\n')
    expect(seen).toEqual(['1', '3'])
  })
})

describe('a callback that throws', () => {
  it('loses no event; feed throws its first error after the chunk', () => {
    const seen: string[] = []
    const decoder = createDecoder({
      onMessage: ({ data }) => {
        seen.push(data)
        throw new Error(data)
      },
    })
    expect(() => decoder.feed('data: 1\n\nevent: e\ndata: 2\n\ndata: 3\n')).toThrow('1')
    expect(() => decoder.feed('\n')).toThrow('3')
    expect(() => decoder.feed(': fine\n')).not.toThrow()
    expect(seen).toEqual(['1', '2', '3'])
  })
})

function cut(whole: Uint8Array, places: number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (whole.length + 1)), whole.length].sort((a, b) => a - b)
  return ends.map((end, i) => whole.slice(ends[i - 1] ?? 0, end))
}

/** The standard's algorithm, word for word and without a thought for speed. */
function readLiterally(text: string): SseMessage[] {
  const dispatched: SseMessage[] = []
  let data = ''
  let event = ''
  let id = ''
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/)
  lines.pop() // what no line end follows
  for (const line of lines) {
    if (line === '') {
      if (data !== '') dispatched.push({ event: event || 'message', data: data.slice(0, -1), lastEventId: id })
      data = event = ''
      continue
    }
    const colon = line.indexOf(':')
    if (colon === 0) continue
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') event = value
    else if (field === 'data') data += `${value}\n`
    else if (field === 'id' && !value.includes('\0')) id = value
  }
  return dispatched
}
