import { beforeEach, expect, test, vi } from 'vitest'
import { HandlerList } from './handler-list.js'

let list: HandlerList<number>
let calls: string[]
const report = vi.fn()

beforeEach(() => {
  list = new HandlerList()
  calls = []
  report.mockReset()
})

test('during a call, a removed handler is no longer called, and an added one not yet', () => {
  const undo: (() => void)[] = []
  list.add(() => {
    calls.push('a')
    undo[0]!()
    list.add(() => calls.push('new'))
  })
  undo.push(list.add(() => calls.push('b')))
  list.add(() => calls.push('c'))
  list.emit(1, report)
  expect(calls).toEqual(['a', 'c'])
  list.emit(2, report)
  expect(calls).toEqual(['a', 'c', 'a', 'c', 'new'])
})

test('a value emitted by a handler comes after the current one, for all handlers', () => {
  list.add((value) => {
    calls.push(`a${value}`)
    if (value < 3) list.emit(value + 1, report)
  })
  list.add((value) => calls.push(`b${value}`))
  list.emit(1, report)
  expect(calls).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'b3'])
})

test('accepts only functions', () => {
  expect(() => list.add(undefined as never)).toThrow(expect.objectContaining({ code: 'RIVULET_CONFIGURATION' }))
})

test('once means once, even if the handler itself causes the next call', () => {
  list.add(
    (value) => {
      calls.push(`once ${value}`)
      if (value < 3) list.emit(value + 1, report)
    },
    { once: true },
  )
  list.emit(1, report)
  expect(calls).toEqual(['once 1'])
  expect(list.size).toBe(0)
})

test('a handler may be subscribed twice, and delete removes both', () => {
  const handler = () => calls.push('x')
  list.add(handler)
  list.add(handler)
  list.emit(1, report)
  list.delete(handler)
  list.emit(2, report)
  expect(calls).toEqual(['x', 'x'])
})

test('an aborted signal subscribes nothing, and no listener stays on other signals', () => {
  list.add(() => calls.push('x'), { signal: AbortSignal.abort() })
  list.emit(1, report)
  expect(calls).toEqual([])
  const { signal } = new AbortController()
  const removed = vi.spyOn(signal, 'removeEventListener')
  const handler = () => {}
  list.add(handler, { signal })()
  list.add(handler, { signal })
  list.delete(handler)
  list.add(handler, { signal, once: true })
  list.emit(1, report)
  expect(removed).toHaveBeenCalledTimes(3)
})

test('errors and rejections of handlers are reported', async () => {
  list.add(() => {
    throw 'thrown'
  })
  list.add(() => Promise.reject('rejected'))
  // biome-ignore lint/suspicious/noThenProperty: other libraries return such objects
  list.add(() => ({ then: (_: unknown, reject: (reason: string) => void) => reject('of another kind') }))
  list.add(() => calls.push('x'))
  list.emit(1, report)
  await vi.waitFor(() => expect(report).toHaveBeenCalledTimes(3))
  expect(report.mock.calls.flat().sort()).toEqual(['of another kind', 'rejected', 'thrown'])
  expect(calls).toEqual(['x'])
})
