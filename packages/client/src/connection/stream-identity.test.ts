import { afterEach, describe, expect, test, vi } from 'vitest'
import type { RequestOptions } from './request.js'
import { streamIdentity } from './stream-identity.js'

afterEach(() => {
  vi.unstubAllGlobals()
})

const request: RequestOptions = { url: 'https://a.test/events' }

describe('streams have one identity', () => {
  test.each<[string, RequestOptions, RequestOptions]>([
    ['when their URLs are written differently', request, { url: new URL('https://a.test/x/../events') }],
    ['when one writes out a default', request, { ...request, method: 'get', credentials: 'same-origin' }],
    ['when one has a POST for its body', { ...request, body: 'x' }, { ...request, body: 'x', method: 'POST' }],
    [
      'when bodies are the same text',
      { ...request, body: 'a=1' },
      { ...request, body: new URLSearchParams({ a: '1' }) },
    ],
    ['whatever the headers are', request, { ...request, headers: { authorization: 'secret' } }],
  ])('%s', (_, one, other) => {
    expect(streamIdentity(one, 'k')).toBe(streamIdentity(other, 'k'))
    expect(streamIdentity(one, 'k')).not.toContain('secret')
  })

  test('when one has a relative URL', () => {
    vi.stubGlobal('document', { baseURI: 'https://a.test/page' })
    expect(streamIdentity({ url: '/events' }, undefined)).toBe(streamIdentity(request, undefined))
  })
})

test('streams that differ have different identities', () => {
  const identities = [
    streamIdentity(request, undefined),
    streamIdentity(request, 'alice'),
    streamIdentity({ url: 'https://a.test/events?room=1' }, 'alice'),
    streamIdentity({ url: () => '/' }, 'alice'),
    streamIdentity({ url: () => '/' }, 'bob'),
    streamIdentity({ ...request, method: 'POST' }, 'alice'),
    streamIdentity({ ...request, body: '' }, 'alice'),
    streamIdentity({ ...request, body: '{"room":1}' }, 'alice'),
    streamIdentity({ ...request, body: '{"room":2}' }, 'alice'),
    streamIdentity({ ...request, credentials: 'omit' }, 'alice'),
    streamIdentity(request, 'alice","https://a.test/events'),
  ]
  expect(new Set(identities).size).toBe(identities.length)
})

test('a request given by functions has no identity without a key', () => {
  expect(streamIdentity({ url: () => '/' }, undefined)).toBeUndefined()
  expect(streamIdentity({ ...request, body: () => 'x' }, undefined)).toBeUndefined()
  expect(streamIdentity({ ...request, body: new Uint8Array([1]) }, undefined)).toBeUndefined()
})

test('a relative URL outside a page is used unchanged', () => {
  expect(streamIdentity({ url: '/events' }, undefined)).toContain('"/events"')
})
