import { describe, expect, test } from 'vitest'
import { type RetrySituation, retryDelay, retryPolicy } from './retry-policy.js'

const delay = (situation: Partial<RetrySituation>, options = {}) =>
  retryDelay(retryPolicy(options), { attempt: 1, random: 0, ...situation })

describe('the delay of a retry', () => {
  test('is 1 s at first, doubles, and stops at 30 s', () => {
    expect([1, 2, 3, 5, 6, 100, 5_000].map((attempt) => delay({ attempt }))).toEqual([
      1_000, 2_000, 4_000, 16_000, 30_000, 30_000, 30_000,
    ])
  })

  test('adds up to half of the base at first, then up to the whole base', () => {
    expect(delay({ serverRetryMs: 2_000, random: 0 })).toBe(2_000)
    expect(delay({ serverRetryMs: 2_000, random: 0.999_999 })).toBe(3_000)
    expect(delay({ serverRetryMs: 2_000, attempt: 2, random: 0.999_999 })).toBe(8_000)
    expect(delay({ attempt: 9, random: 0.999_999 })).toBe(60_000)
  })

  test('spreads clients over the whole time between retries', () => {
    const latest = (attempt: number) => delay({ attempt, random: 0.999_999 })
    for (let attempt = 2; attempt < 6; attempt++)
      expect(latest(attempt)).toBeGreaterThanOrEqual(delay({ attempt: attempt + 1 }))
  })

  test('begins at the server’s delay, even if it exceeds maxMs', () => {
    expect(delay({ serverRetryMs: 5_000 }, { initialMs: 400 })).toBe(5_000)
    expect(delay({ serverRetryMs: 60_000, attempt: 7 })).toBe(60_000)
  })

  test('waits at least for Retry-After', () => {
    expect(delay({ retryAfterMs: 120_000, attempt: 1 })).toBe(120_000)
    expect(delay({ retryAfterMs: 120_000, random: 0.5 })).toBe(150_000)
    expect(delay({ retryAfterMs: 0, serverRetryMs: 3_000, attempt: 4 })).toBe(3_000)
  })

  test.each([
    [{ serverRetryMs: 0 }, 250],
    [{ serverRetryMs: 99_999_999_999 }, 300_000],
    [{ serverRetryMs: Number.POSITIVE_INFINITY }, 300_000],
    [{ retryAfterMs: Number.POSITIVE_INFINITY }, 3_600_000],
    [{ retryAfterMs: Number.NaN }, 1_000],
    [{ attempt: Number.POSITIVE_INFINITY }, 30_000],
  ])('is bounded, whatever the server says: %j', (situation, expected) => {
    expect(delay(situation)).toBe(expected)
  })

  test.each([
    [{ initialMs: 0 }, 250],
    [{ initialMs: -1 }, 250],
    [{ initialMs: Number.NaN }, 250],
    [{ initialMs: Number.POSITIVE_INFINITY }, 100_000_000],
  ])('is bounded, whatever the options say: %j', (options, expected) => {
    expect(delay({}, options)).toBe(expected)
  })

  test('always fits a timer', () => {
    const longest = delay({ attempt: 99, random: 0.999 }, { initialMs: Infinity, maxMs: Infinity })
    expect(longest).toBeLessThan(2 ** 31)
  })
})
