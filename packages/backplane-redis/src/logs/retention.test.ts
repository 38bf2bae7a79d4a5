import { ConfigurationError, type Retention } from '@rivulet/server'
import { describe, expect, it } from 'vitest'
import { redisBoundsPer } from './retention.js'

const dayMs = 86_400_000

describe('redisBoundsPer', () => {
  it('knows a channel’s position longer than its events', () => {
    const headTtlMs = (retention?: Retention) => redisBoundsPer(retention)('a').headTtlMs
    expect(headTtlMs()).toBe(7 * dayMs)
    expect(headTtlMs('none')).toBe(7 * dayMs)
    expect(headTtlMs('latest')).toBe(Infinity)
    expect(headTtlMs({ maxAgeMs: 30 * dayMs })).toBe(31 * dayMs)
  })

  it.each([
    ['a promise', Promise.resolve('none')],
    ['a typo', 'lates'],
    ['a negative bound', { maxEvents: -1 }],
  ])('refuses %s of a channel', (_, retention) => {
    expect(() => redisBoundsPer(() => retention as Retention)('a')).toThrow(ConfigurationError)
    expect(() => redisBoundsPer(retention as Retention)).toThrow(ConfigurationError)
  })
})
