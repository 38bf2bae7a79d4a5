import { type Backplane, MemoryBackplane } from '@rivulet/server'
import { describe, expect, it } from 'vitest'
import { backplaneChecks } from './backplane.js'

describe('MemoryBackplane', () => {
  const checks = backplaneChecks(({ retention }) => {
    const backplane = new MemoryBackplane({ retention })
    return { one: backplane, other: backplane, dispose: () => backplane.close() }
  })
  for (const { name, run } of checks) it(name, run)
})

describe('the suite notices a backplane that', () => {
  it.each<[fault: string, break_: (inner: MemoryBackplane) => Partial<Backplane>]>([
    [
      'counts per channel',
      (inner) => {
        const counts = new Map<string, number>()
        return {
          publish(channel, message, options) {
            inner.publish(channel, message, options)
            const seq = (counts.get(channel) ?? 0) + 1
            counts.set(channel, seq)
            return { seq, duplicate: false }
          },
        }
      },
    ],
    ['claims continuity always', (inner) => ({ read: (...args) => ({ ...inner.read(...args), continuous: true }) })],
    [
      'ignores idempotency keys',
      (inner) => ({ publish: (channel, message, { retain }) => inner.publish(channel, message, { retain }) }),
    ],
    [
      'passes events on twice',
      (inner) => ({
        subscribe: (channel, subscriber) =>
          inner.subscribe(channel, {
            onMessage: (name, message) => {
              subscriber.onMessage(name, message)
              subscriber.onMessage(name, message)
            },
            onGap: () => {},
            onHealth: () => {},
          }),
      }),
    ],
    [
      'numbers live-only events',
      (inner) => ({
        publish: (channel, message, options) => inner.publish(channel, message, { ...options, retain: true }),
      }),
    ],
    ['does not unsubscribe', () => ({ unsubscribe: () => {} })],
    ['gives the oldest for the last', () => ({ seek: () => 0 })],
    [
      'cuts long data',
      (inner) => ({
        publish: (channel, { type, data }, options) =>
          inner.publish(channel, { type, data: data.slice(0, 1000) }, options),
      }),
    ],
  ])('%s', async (_, fault) => {
    const checks = backplaneChecks(({ retention }) => {
      const inner = new MemoryBackplane({ retention })
      const honest: Backplane = {
        publish: inner.publish.bind(inner),
        subscribe: inner.subscribe.bind(inner),
        unsubscribe: inner.unsubscribe.bind(inner),
        read: inner.read.bind(inner),
        seek: inner.seek.bind(inner),
        close: inner.close.bind(inner),
      }
      const broken = { ...honest, ...fault(inner) }
      return { one: broken, other: broken, dispose: () => inner.close() }
    })
    const results = await Promise.allSettled(checks.map(({ run }) => run()))
    expect(results.filter(({ status }) => status === 'rejected')).not.toEqual([])
  })
})
