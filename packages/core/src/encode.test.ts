import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDecoder, encodeMessage, InvalidFieldError, type MessageFields, type SseMessage } from './index.js'

function decode(...chunks: (string | Uint8Array)[]) {
  const messages: SseMessage[] = []
  const retries: number[] = []
  const comments: string[] = []
  const decoder = createDecoder({
    onMessage: (message) => messages.push(message),
    onRetry: (retry) => retries.push(retry),
    onComment: (comment) => comments.push(comment),
  })
  for (const chunk of chunks) decoder.feed(chunk)
  return { messages, retries, comments, lastEventId: decoder.lastEventId }
}

describe('encodeMessage', () => {
  it('writes the fields in one order, and one blank line', () => {
    expect(encodeMessage({ data: '{}', event: 'log', id: 'a1', retry: 2000, comment: 'hi' })).toBe(
      ': hi\nretry: 2000\nid: a1\nevent: log\ndata: {}\n\n',
    )
  })

  it('writes one data line per line, for every line ending', () => {
    expect(encodeMessage({ data: 'a\nb\r\nc\rd\n' })).toBe('data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n')
  })

  it('writes comments of several lines as comments', () => {
    expect(encodeMessage({ comment: 'a\ndata: b' })).toBe(': a\n: data: b\n\n')
  })

  it('distinguishes empty from absent', () => {
    expect(encodeMessage({ data: '', id: '', event: '' })).toBe('id: \nevent: \ndata: \n\n')
    expect(encodeMessage({})).toBe('\n')
    expect(encodeMessage({ retry: 0 })).toBe('retry: 0\n\n')
  })

  it.each(['event', 'id'] as const)('refuses line breaks and NUL in %s', (field) => {
    for (const value of ['a\nb', 'a\rb', 'a\r\nb', 'a\0b', '\n']) {
      expect(() => encodeMessage({ [field]: value, data: 'x' })).toThrow(InvalidFieldError)
    }
    expect(() => encodeMessage({ [field]: 'a\ndata: forged' })).toThrow(
      expect.objectContaining({ code: 'RIVULET_INVALID_FIELD', field, value: 'a\ndata: forged' }),
    )
  })

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('refuses retry %d', (retry) => {
    expect(() => encodeMessage({ retry })).toThrow(InvalidFieldError)
  })

  const text = fc.string({ unit: 'grapheme' })
  const field = text.filter((value) => !/[\r\n\0]/.test(value))
  const fields: fc.Arbitrary<MessageFields> = fc.record(
    {
      event: field,
      id: field,
      data: fc.oneof(
        text,
        fc.array(text).map((lines) => lines.join('\n')),
        fc.json(),
      ),
      retry: fc.maxSafeNat(),
      comment: field,
    },
    { requiredKeys: ['data'] },
  )

  it('is reversed by the decoder', () => {
    fc.assert(
      fc.property(fc.array(fields, { maxLength: 5 }), fc.nat(), (list, place) => {
        const bytes = new TextEncoder().encode(list.map(encodeMessage).join(''))
        const at = place % (bytes.length + 1)
        let lastEventId = ''
        const messages = list.map(({ event, id, data }) => {
          lastEventId = id ?? lastEventId
          return { event: event || 'message', data: data?.replace(/\r\n?/g, '\n'), lastEventId }
        })
        const present = <Key extends 'retry' | 'comment'>(key: Key) =>
          list.flatMap((value) => (value[key] === undefined ? [] : [value[key]]))
        expect(decode(bytes.slice(0, at), bytes.slice(at))).toEqual({
          messages,
          retries: present('retry'),
          comments: present('comment'),
          lastEventId,
        })
      }),
      { numRuns: 500 },
    )
  })
})
