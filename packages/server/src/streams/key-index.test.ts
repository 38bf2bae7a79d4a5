import { expect, it } from 'vitest'
import type { Connection } from '../delivery/connection.js'
import { KeyIndex } from './key-index.js'

const connection = (key: string | undefined) => ({ key }) as Connection

it('finds the connections of a key, one or many, and forgets those that have left', () => {
  const index = new KeyIndex()
  const [first, second, other, none] = [connection('a'), connection('a'), connection('b'), connection(undefined)]
  for (const added of [first, second, other, none]) index.add(added!)
  expect([...index.of('a')]).toEqual([first, second])
  expect([...index.of('b')]).toEqual([other])
  index.delete(first!)
  index.delete(first!)
  index.delete(none!)
  expect([...index.of('a')]).toEqual([second])
  index.delete(second!)
  index.delete(connection('b'))
  expect([...index.of('a')]).toEqual([])
  expect([...index.of('b')]).toEqual([other])
})
