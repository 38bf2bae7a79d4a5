import { expect, it } from 'vitest'
import { Selection } from './selection.js'

const list = { select: (view: readonly number[]) => view.filter((n) => n > 1), equal: sameNumbers }

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.join() === b.join()
}

it('keeps a selection while an equal one follows', () => {
  const selection = new Selection<readonly number[], readonly number[]>()
  const first = selection.of([1, 2], list)
  expect(first).toEqual([2])
  selection.keep(first, list)
  expect(selection.of([2, 1], list)).toBe(first)
  expect([selection.isNew([2, 1]), selection.isNew([2, 3])]).toEqual([false, true])
  expect(selection.of([2, 3], list)).toEqual([2, 3])
})

it('compares by identity without `equal`', () => {
  const selection = new Selection<number, number>()
  const half = { select: (view: number) => view / 0 - view / 0 }
  selection.keep(Number.NaN, half)
  expect(selection.isNew(1)).toBe(false)
  selection.keep(1, { select: Math.abs })
  expect([selection.isNew(-1), selection.isNew(2)]).toEqual([false, true])
})

it('renders every view without `select`, and at first', () => {
  const selection = new Selection<number, number>()
  expect(selection.isNew(1)).toBe(true)
  selection.keep(1, undefined)
  expect(selection.isNew(1)).toBe(true)
})

it('renders what makes `select` or `equal` throw', () => {
  const selection = new Selection<number, number>()
  const select = (): number => {
    throw new Error('no')
  }
  selection.keep(1, { select })
  expect(selection.isNew(1)).toBe(true)
  selection.keep(1, { select: Number, equal: select as never })
  expect(selection.isNew(2)).toBe(true)
})
