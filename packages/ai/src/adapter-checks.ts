import { deepEqual, equal, ok } from 'node:assert/strict'
import type { EndState } from '@rivulet/core'
import { Script } from './script.js'

/** An answer as a reader sees it: its texts, then its end. */
export type ReadItem = { readonly text: string } | { readonly end: EndState }

/** A reader on the client's side of an adapter, over a real socket. */
export interface Reader {
  /** The next item. After `end` it is not called again. Rejects if the reader cannot go on. */
  next(): Promise<ReadItem>
  /** Leaves, like a page that is closed. */
  leave(): unknown
}

/** Produces the texts of an answer. An error that it throws fails the answer. */
export type Answer = (signal: AbortSignal) => AsyncIterable<string>

/** An adapter on two nodes with one store, behind one address for clients. */
export interface AdapterUnderTest {
  /** Starts an answer on the first node. Resolves once it can be read. */
  start(id: string, answer: Answer): Promise<void>
  /** Reads an answer from its beginning. */
  read(id: string): Reader
  /** Stops an answer, as a user would, on the second node. */
  stop(id: string): Promise<void>
  /** Cuts every connection of readers. New ones are served. */
  cut(): void
  /** Cuts every connection of readers, and has the second node serve new ones. */
  moveReaders(): void
  /** Cuts the first node off from its store for good, as its death would. Its lease expires a moment later. */
  loseProducers(): void
  /** Its clients cannot resume at a cursor: a reader whose connection is cut rejects, and reads again from the beginning. */
  readonly replaysOnly?: boolean
  dispose(): Promise<void>
}

export type CreateAdapter = () => Promise<AdapterUnderTest>

/** One check that every adapter must pass. */
export interface AdapterCheck {
  readonly name: string
  /** @throws {AssertionError} (by rejecting) if the adapter does not pass. */
  run(): Promise<void>
}

/**
 * The checks that every adapter of runs must pass: readers that leave, reload, lose their connection or their node, producers
 * that fail, die or are stopped. They run under any test runner; give each a time limit.
 *
 * @example
 * for (const { name, run } of adapterChecks(create)) it(name, run)
 */
export function adapterChecks(create: CreateAdapter): readonly AdapterCheck[] {
  return Object.entries(checks).map(([name, check]) => ({
    name,
    async run() {
      const adapter = await create()
      const readers: Reader[] = []
      const script = new Script()
      const read = () => {
        const reader = adapter.read('answer')
        readers.push(reader)
        return reader
      }
      try {
        await adapter.start('answer', (signal) => script.answer(signal))
        await check({ adapter, script, read })
      } finally {
        for (const reader of readers) await reader.leave()
        script.finish()
        await adapter.dispose()
      }
    },
  }))
}

interface Play {
  readonly adapter: AdapterUnderTest
  /** The answer, which has started. */
  readonly script: Script
  read(): Reader
}

async function texts(reader: Reader, count: number): Promise<string[]> {
  const read: string[] = []
  while (read.length < count) {
    const item = await reader.next()
    ok('text' in item, `an answer that is not over has ended as ${JSON.stringify(item)} after ${read.join(' ')}`)
    read.push(item.text)
  }
  return read
}

async function rest(reader: Reader): Promise<{ texts: string[]; end: EndState }> {
  const read: string[] = []
  for (;;) {
    const item = await reader.next()
    if ('end' in item) return { texts: read, end: item.end }
    read.push(item.text)
  }
}

const long = Array.from({ length: 500 }, (_, index) => `${index} `)

/** Reads on after a reader's connection is cut: with the same reader, or from the beginning like a reloaded page. */
async function goOn(
  { adapter, read }: Play,
  reader: Reader,
  before: string[],
): Promise<{ texts: string[]; end: EndState }> {
  if (!adapter.replaysOnly) {
    const after = await rest(reader)
    return { ...after, texts: [...before, ...after.texts] }
  }
  const outcome = await rest(reader).then(
    ({ end }) => `ended as ${end}`,
    () => 'rejected',
  )
  equal(outcome, 'rejected', 'an answer that is cut off does not look complete')
  return rest(read())
}

const checks: Record<string, (play: Play) => Promise<void>> = {
  async 'gives every text once and in order, and the end'({ script, read }) {
    const reader = read()
    script.say('a', 'ünï ', '\n\n', 'data: x')
    deepEqual(await texts(reader, 4), ['a', 'ünï ', '\n\n', 'data: x'])
    script.say(...long)
    script.finish()
    deepEqual(await rest(reader), { texts: long, end: 'done' })
  },

  async 'gives all of it to a reader that comes before the first text'({ script, read }) {
    const reader = read()
    const first = reader.next()
    script.say('a')
    deepEqual(await first, { text: 'a' })
    script.finish()
    deepEqual(await rest(reader), { texts: [], end: 'done' })
  },

  async 'goes on without its reader, who comes back to all of it'({ script, read }) {
    const reader = read()
    script.say('a', 'b')
    await texts(reader, 2)
    await reader.leave()
    script.say('c')
    const back = read()
    deepEqual(await texts(back, 3), ['a', 'b', 'c'])
    script.say('d')
    script.finish()
    deepEqual(await rest(back), { texts: ['d'], end: 'done' })
  },

  async 'gives two readers the same'({ script, read }) {
    const one = read()
    script.say('a', 'b')
    await texts(one, 1)
    const other = read()
    deepEqual(await texts(other, 2), ['a', 'b'])
    script.say('c')
    script.finish()
    deepEqual(await rest(one), { texts: ['b', 'c'], end: 'done' })
    deepEqual(await rest(other), { texts: ['c'], end: 'done' })
  },

  async 'gives all of it to a reader that comes after the end'({ script, read }) {
    script.say(...long)
    script.finish()
    deepEqual(await rest(read()), { texts: long, end: 'done' })
    deepEqual(await rest(read()), { texts: long, end: 'done' })
  },

  async 'loses and doubles nothing when the connection of a reader is cut'(play) {
    const { adapter, script, read } = play
    const reader = read()
    script.say('a', 'b')
    const before = await texts(reader, 2)
    adapter.cut()
    script.say('c', 'd')
    script.finish()
    deepEqual(await goOn(play, reader, before), { texts: ['a', 'b', 'c', 'd'], end: 'done' })
  },

  async 'goes on at another node when the node of a reader is gone'(play) {
    const { adapter, script, read } = play
    const reader = read()
    script.say('a')
    const before = await texts(reader, 1)
    adapter.moveReaders()
    script.say('b')
    script.finish()
    deepEqual(await goOn(play, reader, before), { texts: ['a', 'b'], end: 'done' })
  },

  async 'tells every reader that the producer failed, after what it had said'({ script, read }) {
    const reader = read()
    script.say('a')
    await texts(reader, 1)
    script.fail(new Error('out of words'))
    deepEqual(await rest(reader), { texts: [], end: 'failed' })
    deepEqual(await rest(read()), { texts: ['a'], end: 'failed' })
  },

  async 'stops the producer from another node, and tells every reader'({ adapter, script, read }) {
    const reader = read()
    script.say('a')
    await texts(reader, 1)
    await adapter.stop('answer')
    await script.aborted
    deepEqual(await rest(reader), { texts: [], end: 'stopped' })
    script.say('too late')
    deepEqual(await rest(read()), { texts: ['a'], end: 'stopped' })
  },

  async 'changes nothing by stopping what is over'({ adapter, script, read }) {
    script.say('a')
    script.finish()
    deepEqual(await rest(read()), { texts: ['a'], end: 'done' })
    await adapter.stop('answer')
    deepEqual(await rest(read()), { texts: ['a'], end: 'done' })
  },

  async 'tells every reader that the node of the producer is gone'({ adapter, script, read }) {
    adapter.moveReaders()
    const reader = read()
    script.say('a')
    await texts(reader, 1)
    adapter.loseProducers()
    deepEqual(await rest(reader), { texts: [], end: 'failed' })
    deepEqual(await rest(read()), { texts: ['a'], end: 'failed' })
  },
}
