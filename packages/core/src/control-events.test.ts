import { describe, expect, it } from 'vitest'
import {
  type ControlEvent,
  createDecoder,
  encodeControlEvent,
  isControlEvent,
  parseControlEvent,
  type SseMessage,
} from './index.js'

const roundTrip = (event: ControlEvent): ControlEvent | undefined => {
  let parsed: ControlEvent | undefined
  const decoder = createDecoder({ onMessage: (message) => (parsed = parseControlEvent(message)) })
  decoder.feed(encodeControlEvent(event))
  return parsed
}

const message = (event: string, data: string): SseMessage => ({ event, data, lastEventId: '' })

describe('control events', () => {
  it.each<ControlEvent>([
    { type: 'rivulet:open', connectionId: 'c1', heartbeatMs: 30_000, recovered: null, replayed: 0 },
    { type: 'rivulet:open', connectionId: 'c1', heartbeatMs: 0, recovered: true, replayed: 2, control: 'secret' },
    { type: 'rivulet:channels', added: ['a'], removed: [], change: 3 },
    { type: 'rivulet:channels', added: [], removed: ['a', 'b'] },
    { type: 'rivulet:channels', added: [], removed: [], change: 4, failed: true },
    { type: 'rivulet:live', change: 3 },
    { type: 'rivulet:gap', channel: 'default', reason: 'trimmed' },
    { type: 'rivulet:gap', reason: 'restarted' },
    { type: 'rivulet:close', reason: 'shutdown', retry: true },
    { type: 'rivulet:live' },
    { type: 'rivulet:end', state: 'done' },
    { type: 'rivulet:end', state: 'failed', reason: 'producer lost' },
  ])('arrive as they were sent: %j', (event) => {
    expect(roundTrip(event)).toEqual(event)
  })

  it('have no id, and their other fields are in the same block', () => {
    expect(encodeControlEvent({ type: 'rivulet:close', reason: 'x', retry: true }, { retry: 1500 })).toBe(
      'retry: 1500\nevent: rivulet:close\ndata: {"reason":"x","retry":true}\n\n',
    )
  })

  it.each([
    ['an unknown one', 'rivulet:later', '{}'],
    ['no JSON', 'rivulet:open', '{'],
    ['no object', 'rivulet:open', 'null'],
    ['an open without its fields', 'rivulet:open', '{"connectionId":"c"}'],
    ['an open whose secret is no text', 'rivulet:open', '{"connectionId":"c","heartbeatMs":0,"control":1}'],
    ['a change without its lists', 'rivulet:channels', '{"added":["a"]}'],
    ['a change whose channels are no texts', 'rivulet:channels', '{"added":[1],"removed":[]}'],
    ['a change whose number is none', 'rivulet:channels', '{"added":[],"removed":[],"change":"3"}'],
    ['a live event of a change whose number is none', 'rivulet:live', '{"change":null}'],
    ['a gap without a reason', 'rivulet:gap', '{}'],
    ['a close without retry', 'rivulet:close', '{"reason":"x"}'],
    ['an end without a state', 'rivulet:end', '{}'],
    ['an end in a state that does not exist', 'rivulet:end', '{"state":"running"}'],
    ['an end whose reason is no text', 'rivulet:end', '{"state":"failed","reason":{}}'],
  ])('are undefined for %s', (_, event, data) => {
    expect(parseControlEvent(message(event, data))).toBeUndefined()
  })

  it('are recognized by their prefix', () => {
    expect(['rivulet:open', 'rivulet:later', 'rivulet', 'log'].map(isControlEvent)).toEqual([true, true, false, false])
  })
})
