import type { BaseEvent } from '@rivulet/core'
import { expect, it } from 'vitest'
import { Reduction } from './reduction.js'

const event: BaseEvent = { id: '1', type: 'log', timestamp: 0, source: '' }

it('uses the latest reducer', () => {
  const reduction = new Reduction<number>((total) => total + 1, 0)
  expect(reduction.result()).toBe(0)
  reduction.add(event)
  reduction.use((total) => total + 10)
  reduction.add(event)
  expect(reduction.result()).toBe(11)
})

it('keeps its state if the reducer throws', () => {
  const reduction = new Reduction<number>(() => {
    throw new Error('no')
  }, 5)
  expect(() => reduction.add(event)).toThrow('no')
  expect(reduction.result()).toBe(5)
})

it('does not pass itself as `this`', () => {
  let self: unknown = 'none'
  const reducer = function (this: unknown, state: number) {
    self = this
    return state
  }
  new Reduction<number>(reducer, 0).add(event)
  expect(self).toBeUndefined()
})
