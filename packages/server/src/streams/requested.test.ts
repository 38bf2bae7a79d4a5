import { describe, expect, it } from 'vitest'
import { InvalidChangeError } from '../runtime/errors.js'
import { distinctNames, readChange, requestedChannels } from './requested.js'

const valid = { connectionId: 'c-1', control: 's'.repeat(22), channels: ['a', 'b'], after: { b: 'm8x2' }, change: 3 }

describe('the body of a change', () => {
  it.each([
    ['as text', JSON.stringify(valid)],
    ['as bytes', new TextEncoder().encode(JSON.stringify(valid))],
    ['as a parser left it', valid],
  ])('is read %s', (_, body) => {
    expect(readChange(body)).toEqual({
      connectionId: 'c-1',
      control: 's'.repeat(22),
      requested: ['a', 'b'],
      after: [['b', 'm8x2']],
      change: 3,
    })
  })

  it('may ask for no channel, without a number and cursors', () => {
    const { after: _after, change: _change, ...rest } = valid
    expect(readChange({ ...rest, channels: [] })).toMatchObject({ requested: [], after: [], change: undefined })
  })

  it.each<[string, unknown]>([
    ['that is missing', undefined],
    ['that is empty', ''],
    ['that is no JSON', '{'],
    ['that is no object', '"a"'],
    ['that is null', 'null'],
    ['without an id', { ...valid, connectionId: undefined }],
    ['with a long id', { ...valid, connectionId: 'x'.repeat(101) }],
    ['without a secret', { ...valid, control: '' }],
    ['with a long secret', { ...valid, control: 'x'.repeat(101) }],
    ['without channels', { ...valid, channels: undefined }],
    ['with one name instead of an array', { ...valid, channels: 'a' }],
    ['with an empty name', { ...valid, channels: [''] }],
    ['with a name that is no text', { ...valid, channels: [1] }],
    ['with a long name', { ...valid, channels: ['x'.repeat(257)] }],
    ['with half a character', { ...valid, channels: ['\ud800'] }],
    ['with too many names', { ...valid, channels: Array.from({ length: 1_001 }, (_, index) => `${index}`) }],
    ['with cursors in no object', { ...valid, after: 'a' }],
    ['with a cursor that is no text', { ...valid, after: { a: 1 } }],
    ['with a long cursor', { ...valid, after: { a: 'x'.repeat(101) } }],
    [
      'with too many cursors',
      { ...valid, after: Object.fromEntries([...Array(1_001).keys()].map((key) => [key, 'a'])) },
    ],
    ['with a number that is none', { ...valid, change: '3' }],
    ['with a negative number', { ...valid, change: -1 }],
  ])('is refused %s', (_, body) => {
    expect(() => readChange(body)).toThrow(InvalidChangeError)
  })
})

describe('the channels in a query', () => {
  it.each([
    ['', undefined],
    ['lastEventId=a', undefined],
    ['channel=job%3A1&x=1&channel=b', ['job:1', 'b']],
    ['channel=', []],
    ['channel=&channel=a', ['a']],
    ['subchannel=a', undefined],
  ])('of %j are %j', (query, channels) => {
    expect(requestedChannels(query)).toEqual(channels)
  })

  it('are distinct', () => {
    expect(distinctNames(['a', 'b', 'a'])).toEqual(['a', 'b'])
  })
})
