import { describe, expect, it } from 'vitest'
import { Grouping } from './grouping.js'

/** A grouping whose groups end when the test says so. */
function scene(maxItems: number) {
  let now = 0
  const groups: { items: readonly string[]; end(error?: Error): void }[] = []
  const grouping = new Grouping<string, string>({
    maxItems,
    maxSize: 100,
    sizeOf: ({ length }) => length,
    maxWaitMs: 500,
    onLate: () => new Error('late'),
    now: () => now,
    run: (items) =>
      new Promise((resolve, reject) => {
        groups.push({ items, end: (error) => (error ? reject(error) : resolve(items)) })
      }),
  })
  const ends: string[] = []
  const add = (item: string) => {
    grouping.add(item).then(
      (result) => ends.push(result),
      (error: Error) => ends.push(`${item}: ${error.message}`),
    )
  }
  return { add, ends, groups, pass: (ms: number) => (now += ms) }
}

/** Lets everything run that waits for a promise only. */
const settled = () => new Promise((done) => setImmediate(done))

describe('a grouping', () => {
  it('carries out what comes in one turn together, and what comes meanwhile in the next group', async () => {
    const { add, ends, groups } = scene(10)
    for (const item of ['a', 'b', 'c']) add(item)
    await settled()
    for (const item of ['d', 'e']) add(item)
    groups[0]!.end()
    await settled()
    groups[1]!.end()
    await settled()
    expect(groups.map(({ items }) => items)).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ])
    expect(ends).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('rejects what has waited too long instead of trying it, so that an outage leaves no backlog', async () => {
    const { add, ends, groups, pass } = scene(1)
    for (const item of ['a', 'b', 'c']) add(item)
    await settled()
    pass(200)
    add('d')
    pass(300)
    groups[0]!.end(new Error('down'))
    await settled()
    expect(ends).toEqual(['a: down', 'b: late', 'c: late'])
    expect(groups.map(({ items }) => items)).toEqual([['a'], ['d']])
    groups[1]!.end()
    await settled()
    expect(ends.at(-1)).toBe('d')
  })
})
