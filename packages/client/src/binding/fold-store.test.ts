import { type BaseEvent, defineEvents } from '@rivulet/core'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { createFake, events } from '../../../../test-support/fake-log.js'
import { stubFrames } from '../../../../test-support/stub-frames.js'
import { type Fold, FoldStore, listOf, sameSource } from './fold-store.js'
import { StreamBinding } from './stream-binding.js'

const source = { definitions: [events.log] }

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
  const create = (after = binding.received) => new FoldStore(binding, source, joining(), after)
  return { ...stubFrames(), fake, binding, errors, log, create }
}

it('folds at once and replaces its result once per frame', async () => {
  const { binding, log, draw } = await setup()
  const fold = joining()
  const store = new FoldStore(binding, source, fold, binding.received)
  store.subscribe()
  const results: string[] = []
  store.watch(() => void results.push(store.result))
  await log('a', 'b')
  await log('c')
  expect([store.result, fold.results]).toEqual(['', 1])
  draw()
  expect([store.result, results, fold.results]).toEqual(['abc', ['abc'], 2])
})

it('keeps its result when only events of other types arrive', async () => {
  const { fake, binding, draw } = await setup()
  const fold = joining()
  new FoldStore(binding, source, fold, binding.received).subscribe()
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
  const { log, draw, create } = await setup()
  const store = create()
  await log('a')
  store.subscribe()
  // Nobody watched, so the page "shows" it already.
  expect(store.result).toBe('a')
  await log('b')
  draw()
  expect(store.result).toBe('ab')
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

it('tells all listeners, even if one throws, and none after it was removed', async () => {
  const { log, draw, create } = await setup()
  const store = create()
  store.subscribe()
  const calls: string[] = []
  store.watch(() => {
    throw new Error('no')
  })
  const unwatch = store.watch(() => void calls.push(store.result))
  await log('a')
  expect(draw).toThrow('no')
  unwatch()
  await log('b')
  expect(draw).toThrow('no')
  expect(calls).toEqual(['a'])
})

it('folds each event once for all its subscriptions, until the last one ends', async () => {
  const { log, draw, create } = await setup()
  const store = create()
  const stops = [store.subscribe(), store.subscribe()]
  await log('a')
  stops[0]!()
  await log('b')
  draw()
  expect([store.result, store.users]).toEqual(['ab', 1])
  stops[1]!()
  await log('c')
  draw()
  expect([store.result, store.users]).toEqual(['ab', 0])
})

it('is current until something is received or shown that it does not have', async () => {
  const { binding, log, draw, create } = await setup()
  const unwatched = create()
  expect(unwatched.isCurrent).toBe(true)
  await log('a')
  expect(unwatched.isCurrent).toBe(false)
  binding.onShow(() => {})
  await log('b')
  const pending = create()
  draw()
  expect(pending.isCurrent).toBe(true)
  binding.commit(2)
  expect(pending.isCurrent).toBe(false)
  pending.subscribe()
  expect(pending.isCurrent).toBe(true)
})

it('goes on with another fold', async () => {
  const { log, draw, create } = await setup()
  const store = create()
  store.subscribe()
  await log('a')
  expect([store.result, store.latest()]).toEqual(['', 'a'])
  store.refold(joining())
  await log('b')
  draw()
  expect(store.result).toBe('b')
})

it('takes the events of one channel, if it has one', async () => {
  const { binding, fake, log, draw } = await setup()
  const push = (channel: string) => fake.push('log', { message: channel }, { channel })
  await push('kept')
  const fold = (channel: string) => new FoldStore(binding, { ...source, channel }, joining(), 0)
  const [kept, other, plain] = [fold('kept'), fold('other'), fold('default')]
  for (const store of [kept, other, plain]) store.subscribe()
  await push('other')
  await push('kept')
  await log('plain')
  draw()
  expect([kept.result, other.result, plain.result]).toEqual(['keptkept', 'other', 'plain'])
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

it('sameSource compares the types and the channel', () => {
  const again = defineEvents({ log: z.object({ message: z.string() }) })
  expect(sameSource(source, { definitions: [again.log] })).toBe(true)
  expect(sameSource(source, { definitions: [events.progress] })).toBe(false)
  expect(sameSource(source, { definitions: [events.log, events.progress] })).toBe(false)
  expect(sameSource(source, { ...source, channel: 'default' })).toBe(false)
})

it('listOf turns one definition into a list', () => {
  expect(listOf(events.log)).toEqual([events.log])
  expect(listOf(source.definitions)).toBe(source.definitions)
})
