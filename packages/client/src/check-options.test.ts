import { describe, expect, test } from 'vitest'
import { EventStreamService, type EventStreamServiceOptions, type IteratorOptions } from './index.js'

const url = 'http://localhost/'

describe('an invalid option is refused', () => {
  test.each<[string, object]>([
    ['url', {}],
    ['url', { url: 5 }],
    ['url', { url: {} }],
    ['method', { url, method: 1 }],
    ['lastEventId', { url, lastEventId: 7 }],
    ['lastEventIdIn', { url, lastEventIdIn: 'body' }],
    ['connectTimeoutMs', { url, connectTimeoutMs: -1 }],
    ['connectTimeoutMs', { url, connectTimeoutMs: {} }],
    ['callbackTimeoutMs', { url, callbackTimeoutMs: Number.NaN }],
    ['heartbeatMarginMs', { url, heartbeatMarginMs: '5' }],
    ['idleTimeoutMs', { url, idleTimeoutMs: null }],
    ['maxEventBytes', { url, maxEventBytes: 0 }],
    ['retry', { url, retry: 3 }],
    ['retry.initialMs', { url, retry: { initialMs: -1 } }],
    ['retry.maxMs', { url, retry: { maxMs: Number.NaN } }],
    ['retry.maxAttempts', { url, retry: { maxAttempts: -1 } }],
    ['fetch', { url, fetch: {} }],
    ['onUnauthorized', { url, onUnauthorized: true }],
    ['mapMessage', { url, mapMessage: 'x' }],
    ['until', { url, until: /DONE/ }],
    ['validate', { url, validate: 'no' }],
    ['persist', { url, persist: 'key' }],
    ['persist.key', { url, persist: { key: 5 } }],
    ['persist.storage', { url, persist: { storage: { getItem: () => null } } }],
    ['shared.key', { url, shared: { key: 7 } }],
  ])('%s: %j', (option, options) => {
    expect(() => new EventStreamService(options as EventStreamServiceOptions)).toThrow(
      expect.objectContaining({ code: 'RIVULET_CONFIGURATION', option }),
    )
  })

  test.each<[string, object]>([
    ['bufferSize', { bufferSize: 0 }],
    ['bufferSize', { bufferSize: Number.NaN }],
    ['overflow', { overflow: 'block' }],
  ])('of an iterator, %s: %j', (option, options) => {
    expect(() => new EventStreamService({ url }).events(undefined, options as IteratorOptions)).toThrow(
      expect.objectContaining({ code: 'RIVULET_CONFIGURATION', option }),
    )
  })
})

test('options may be missing or undefined, and times may be 0 or Infinity', () => {
  const retry = { initialMs: 0, maxMs: Infinity, maxAttempts: Infinity, stableAfterMs: undefined }
  const times = { connectTimeoutMs: 0, callbackTimeoutMs: 0, heartbeatMarginMs: 0, idleTimeoutMs: Infinity }
  const stream = new EventStreamService({ url, retry, ...times, fetch: undefined, persist: undefined })
  expect(stream.status).toBe('idle')
})
