import { expect, it } from 'vitest'
import { sameValue, snapshotOf } from './same-value.js'

class Store {
  value = 1
}

it.each([
  ['primitives', 1, 1],
  ['not a number', Number.NaN, Number.NaN],
  ['functions', () => 1, () => 2],
  ['URLs', new URL('http://a.test/x'), new URL('http://a.test/x')],
  ['headers', new Headers({ a: '1', b: '2' }), new Headers({ B: '2', A: '1' })],
  ['pairs', [['a', '1']], [['a', '1']]],
  ['plain objects', { a: { b: 1 }, c: () => 1 }, { c: () => 2, a: { b: 1 } }],
  ['absent and undefined', { a: undefined }, {}],
  ['search parameters', new URLSearchParams('a=1'), new URLSearchParams('a=1')],
])('treats %s with the same content as equal', (_, a, b) => {
  expect(sameValue(a, b)).toBe(true)
})

it.each([
  ['primitives', 1, '1'],
  ['a function and a value', () => 1, 1],
  ['URLs', new URL('http://a.test/x'), new URL('http://a.test/y')],
  ['headers', new Headers({ a: '1' }), new Headers({ a: '2' })],
  ['objects with a key more', { a: 1 }, { a: 1, b: 1 }],
  ['arrays of another length', [1], [1, 2]],
  ['null and an object', null, {}],
  ['instances of a class', new Store(), new Store()],
])('tells %s apart', (_, a, b) => {
  expect(sameValue(a, b)).toBe(false)
  expect(sameValue(b, a)).toBe(false)
})

it('takes a snapshot that reveals later mutations', () => {
  const url = new URL('http://a.test/')
  const headers = new Headers({ a: '1' })
  const options = { url, headers, pairs: [['a', '1']], retry: { initialMs: 1 }, store: new Store(), call: () => 1 }
  const before = snapshotOf(options)
  expect(sameValue(before, options)).toBe(true)
  const changes = [
    () => url.searchParams.set('a', '1'),
    () => headers.set('a', '2'),
    () => options.pairs.push(['b', '2']),
    () => Object.assign(options.retry, { initialMs: 2 }),
  ]
  let last = snapshotOf(options)
  for (const change of changes) {
    change()
    expect(sameValue(last, options)).toBe(false)
    last = snapshotOf(options)
  }
})

it('takes no notice of what an object with methods keeps in itself', () => {
  const storage = {
    data: {} as { [key: string]: string },
    getItem: (key: string) => storage.data[key] ?? null,
    setItem: (key: string, value: string) => void Object.assign(storage.data, { [key]: value }),
    self: undefined as unknown,
  }
  storage.self = storage
  const before = snapshotOf({ persist: { storage } })
  storage.setItem('key', '7')
  expect(sameValue(before, { persist: { storage } })).toBe(true)
})
