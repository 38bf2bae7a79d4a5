import { describe, expect, it } from 'vitest'
import { boundsOf } from './retention.js'

describe('boundsOf', () => {
  it('fills in missing bounds', () => {
    expect(boundsOf({ maxEvents: 5 })).toEqual({ maxEvents: 5, maxBytes: 8_388_608, maxAgeMs: 3_600_000 })
  })

  it.each([
    ['a promise', Promise.resolve('none')],
    ['null', null],
    ['a name that there is not', 'lastest'],
    ['a number', 100],
    ['a function', () => 'none'],
    ['a bound that is negative', { maxEvents: -1 }],
    ['a bound that is no number', { maxAgeMs: 'one hour' }],
  ])('refuses %s', (_, retention) => {
    expect(() => boundsOf(retention as never)).toThrow('retention')
  })

  it('refuses a promise, and handles its rejection', () => {
    expect(() => boundsOf(Promise.reject(new Error('no idea')) as never)).toThrow('retention')
  })
})
