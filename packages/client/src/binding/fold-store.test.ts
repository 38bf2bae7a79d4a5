import { type BaseEvent, defineEvents } from '@rivulet/core'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { createFake, events } from '../../../../test-support/fake-log.js'
import { stubFrames } from '../../../../test-support/stub-frames.js'
import { type Fold, FoldStore, listOf } from './fold-store.js'
import { StreamBinding } from './stream-binding.js'

const list = [events.log]

/** Joins messages. Throws for the message "bad". */
function joining(): Fold<string> & { results: number } {
  let text = ''
  return {
    results: 0,
    add(event) {
      const { message } = event as BaseEvent & { message: string }
      if (message === 'bad') throw new Error(message)
      text += message
    },
    result() {
      this.results++
      return text
    },
  }
}

async function setup() {
  const fake = createFake()
  const errors: unknown[] = []
  fake.service.onError((error) => void errors.push(error))
  const binding = new StreamBinding(fake.service, 10)
  binding.open()
  await fake.connect()
  const log = (...messages: string[]) => Promise.all(messages.map((message) => fake.push('log', { message })))
  const create = (after?: number) => new FoldStore(binding, list, joining(), after)
  return { ...stubFrames(), fake, binding, errors, log, create }
}

it('folds at once and replaces its result once per frame', async () => {
  const { binding, log, draw } = await setup()
  const fold = joining()
  const store = new FoldStore(binding, list, fold, undefined)
  store.subscribe()
  const results: string[] = []
  store.watch(store.result, (result) => void results.push(result))
  await log('a', 'b')
  await log('c')
  expect([store.result, fold.results]).toEqual(['', 1])
  draw()
  expect([store.result, results, fold.results]).toEqual(['abc', ['abc'], 2])
})

it('keeps its result when only events of other types arrive', async () => {
  const { fake, binding, draw } = await setup()
  const fold = joining()
  new FoldStore(binding, list, fold, undefined).subscribe()
  binding.subscribe({ definitions: [events.progress], take() {}, show() {} })
  await fake.push('progress', { percent: 1 })
  draw()
  expect(fold.results).toBe(1)
})

it('begins with all kept events, with none, or after a number of them', async () => {
  const { binding, log, create } = await setup()
  await log('a', 'b')
  expect([create(0), create(1), create(2), create()].map(({ result }) => result)).toEqual(['ab', 'b', '', ''])
  expect(create(0).initial).toBe('')
  expect(binding.received).toBe(2)
})

it('catches up with events between its creation and its subscription', async () => {
  const { binding, log, draw, create } = await setup()
  const store = create(binding.received)
  const present = create()
  await log('a')
  store.subscribe()
  present.subscribe()
  // Nobody watched, so the page "shows" it already.
  expect([store.result, present.result]).toEqual(['a', ''])
  await log('b')
  draw()
  expect([store.result, present.result]).toEqual(['ab', 'b'])
})

it('shows the same as the others until the next frame', async () => {
  const { log, draw, create } = await setup()
  const early = create()
  early.subscribe()
  await log('a')
  draw()
  await log('b')
  const late = create(0)
  expect([early.result, late.result]).toEqual(['a', 'a'])
  late.subscribe()
  expect([early.result, late.result]).toEqual(['a', 'a'])
  draw()
  expect([early.result, late.result]).toEqual(['ab', 'ab'])
})

it('folds the events of a pause once each when it subscribes again', async () => {
  const { log, draw, create } = await setup()
  const store = create()
  const stop = store.subscribe()
  await log('a')
  draw()
  stop()
  await log('b')
  store.subscribe()
  await log('c')
  draw()
  expect(store.result).toBe('abc')
})

it('reports an unrendered result to a listener at once, and nothing after it unsubscribes', async () => {
  const { log, draw, create } = await setup()
  const store = create()
  store.subscribe()
  await log('a')
  draw()
  const results: string[] = []
  const unwatch = store.watch('', (result) => void results.push(result))
  expect(results).toEqual(['a'])
  unwatch()
  await log('b')
  draw()
  expect(results).toEqual(['a'])
})

it('skips an event that makes the fold throw, and reports it once it has subscribed', async () => {
  const { log, draw, create, errors } = await setup()
  await log('a', 'bad', 'b')
  const store = create(0)
  expect(store.result).toBe('ab')
  expect(errors).toEqual([])
  store.subscribe()
  expect(errors).toMatchObject([{ message: 'bad' }])
  await log('bad', 'c')
  draw()
  expect(store.result).toBe('abc')
  expect(errors).toHaveLength(2)
})

it('matches equal types of the same binding', async () => {
  const { binding, create } = await setup()
  const store = create()
  const again = defineEvents({ log: z.object({ message: z.string() }) })
  expect(store.matches(binding, [again.log])).toBe(true)
  expect(store.matches(binding, [events.progress])).toBe(false)
  expect(store.matches(binding, [events.log, events.progress])).toBe(false)
  expect(store.matches(new StreamBinding(binding.service, 10), list)).toBe(false)
})

it('listOf turns one definition into a list', () => {
  expect(listOf(events.log)).toEqual([events.log])
  expect(listOf(list)).toBe(list)
})
