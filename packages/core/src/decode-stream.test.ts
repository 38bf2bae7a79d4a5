import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { decodeStream, EventDecoderStream, EventTooLargeError, type SseMessage } from './index.js'

const body = 'id: 1\ndata: a\n\nevent: e\ndata: b\n\ndata: cut short'
const expected: SseMessage[] = [
  { event: 'message', data: 'a', lastEventId: '1' },
  { event: 'e', data: 'b', lastEventId: '1' },
]

const chunks = () => Array.from(new TextEncoder().encode(body), (byte) => Uint8Array.of(byte))

function streamOf<Part>(parts: Iterable<Part> | AsyncIterable<Part>): ReadableStream<Part> {
  const iterator = Symbol.asyncIterator in parts ? parts[Symbol.asyncIterator]() : parts[Symbol.iterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}

async function collect(source: AsyncIterable<SseMessage>): Promise<SseMessage[]> {
  const messages: SseMessage[] = []
  for await (const message of source) messages.push(message)
  return messages
}

/** A body that counts what is pulled and tells whether it was cancelled. */
function countingBody(parts: string[]) {
  const state = { pulled: 0, cancelled: false }
  const stream = new ReadableStream<string>(
    {
      pull(controller) {
        const part = parts[state.pulled++]
        if (part === undefined) controller.close()
        else controller.enqueue(part)
      },
      cancel() {
        state.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { state, stream }
}

describe('decodeStream', () => {
  it.each([
    ['a ReadableStream of bytes', () => streamOf(chunks())],
    ['a ReadableStream of text', () => streamOf([...body])],
    ['a Node.js stream', () => Readable.from(chunks())],
    [
      'an async generator',
      () =>
        (async function* () {
          yield* chunks()
        })(),
    ],
    ['a fetched body', () => new Response(body).body as ReadableStream<Uint8Array>],
  ])('yields the events of %s', async (_, source) => {
    expect(await collect(decodeStream(source()))).toEqual(expected)
  })

  it('works if a ReadableStream cannot be iterated', async () => {
    const stream = streamOf(chunks())
    Object.defineProperty(stream, Symbol.asyncIterator, { value: undefined })
    expect(await collect(decodeStream(stream))).toEqual(expected)
    expect(stream.locked).toBe(false)
  })

  it('reads no faster than it is consumed, and cancels the body when the loop is left', async () => {
    const { state, stream } = countingBody(['data: 1\n\ndata: 2\n\n', 'data: 3\n\n', 'data: 4\n\n'])
    for await (const { data } of decodeStream(stream)) {
      if (data === '2') expect(state.pulled).toBe(1)
      if (data === '3') break
    }
    expect(state).toEqual({ pulled: 2, cancelled: true })
  })

  it('yields earlier events before an event that is too large, then throws and cancels', async () => {
    const { state, stream } = countingBody(['data: 1\n\ndata: 123456789\n\n', 'data: 2\n\n'])
    const seen: string[] = []
    const reading = (async () => {
      for await (const { data } of decodeStream(stream, { maxEventBytes: 10 })) seen.push(data)
    })()
    await expect(reading).rejects.toThrow(EventTooLargeError)
    expect(seen).toEqual(['1'])
    expect(state.cancelled).toBe(true)
  })

  it('throws the error of the body, after the earlier events', async () => {
    const stream = streamOf(
      (async function* () {
        yield 'data: 1\n\n'
        throw new Error('connection reset')
      })(),
    )
    const seen: string[] = []
    const reading = (async () => {
      for await (const { data } of decodeStream(stream)) seen.push(data)
    })()
    await expect(reading).rejects.toThrow('connection reset')
    expect(seen).toEqual(['1'])
  })

  it('passes options on', async () => {
    const comments: string[] = []
    const retries: number[] = []
    const source = streamOf([': hello\nretry: 5\ndata: a\n\n'])
    const options = {
      lastEventId: '7',
      onComment: (c: string) => comments.push(c),
      onRetry: (r: number) => retries.push(r),
    }
    expect(await collect(decodeStream(source, options))).toEqual([{ event: 'message', data: 'a', lastEventId: '7' }])
    expect([comments, retries]).toEqual([['hello'], [5]])
  })
})

describe('EventDecoderStream', () => {
  it('transforms bytes to events', async () => {
    expect(await collect(decodedBy(streamOf(chunks())))).toEqual(expected)
  })

  it('passes on earlier events before an event that is too large, then fails and cancels the body', async () => {
    const { state, stream } = countingBody(['data: 1\n\ndata: 2\n\ndata: 123456789\n\n', 'data: 3\n\n'])
    const reader = stream.pipeThrough(new EventDecoderStream({ maxEventBytes: 8 })).getReader()
    expect((await reader.read()).value).toMatchObject({ data: '1' })
    await new Promise((resolve) => setImmediate(resolve))
    expect((await reader.read()).value).toMatchObject({ data: '2' })
    await expect(reader.read()).rejects.toThrow(EventTooLargeError)
    await expect.poll(() => state.cancelled).toBe(true)
  })

  it('skips an event that is too large if it can report it', async () => {
    const errors: (string | undefined)[] = []
    const options = { maxEventBytes: 8, onTooLarge: (error: EventTooLargeError) => errors.push(error.lastEventId) }
    const source = streamOf(['data: 1\n\ndata: 123456789\nid: 7\n\n', 'data: 2\n\n'])
    const seen = await collect(source.pipeThrough(new EventDecoderStream(options)))
    expect(seen.map(({ data }) => data)).toEqual(['1', '2'])
    expect(errors).toEqual(['7'])
  })

  it('cancels the body while waiting for more', async () => {
    let reason: unknown
    const silent = new ReadableStream<string>({
      cancel: (given) => {
        reason = given
      },
    })
    const reader = silent.pipeThrough(new EventDecoderStream()).getReader()
    const reading = reader.read()
    await reader.cancel('enough')
    expect(await reading).toEqual({ done: true, value: undefined })
    await expect.poll(() => reason).toBe('enough')
  })

  it('fails with the decoder’s error', async () => {
    const source = streamOf(['data: 123456789\n\n'])
    await expect(collect(source.pipeThrough(new EventDecoderStream({ maxEventBytes: 8 })))).rejects.toThrow(
      EventTooLargeError,
    )
  })
})

function decodedBy(source: ReadableStream<Uint8Array>): AsyncIterable<SseMessage> {
  return source.pipeThrough(new EventDecoderStream())
}
