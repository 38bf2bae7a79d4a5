import type { BaseEvent } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { createFake, events } from '../../../../test-support/fake-log.js'
import { stubFrames } from '../../../../test-support/stub-frames.js'
import { FoldView, type FoldViewOptions } from './fold-view.js'
import { reducedState } from './reduction.js'
import { StreamBinding } from './stream-binding.js'

const source = { definitions: [events.log] }

async function setup(bufferSize = 10) {
  const frames = stubFrames()
  const fake = createFake()
  const binding = new StreamBinding(fake.service, bufferSize)
  binding.open()
  await fake.connect()
  const log = (...messages: string[]) => Promise.all(messages.map((message) => fake.push('log', { message })))
  let folded = 0
  /** Joins messages, and counts how often. */
  const join = (text: string, event: BaseEvent): string => {
    folded++
    return text + (event as BaseEvent & { message: string }).message
  }
  const recipe = reducedState(join, '')
  const create = (options?: FoldViewOptions, made = recipe) => new FoldView(binding, source, made, options)
  const listening = (options?: FoldViewOptions, made = recipe) => {
    const view = create(options, made)
    const stop = view.subscribe()
    const results: string[] = []
    const unwatch = view.watch(view.result, (result) => void results.push(result))
    return { view, stop, results, unwatch }
  }
  return { ...frames, fake, binding, log, join, create, listening, folded: () => folded }
}

describe('a shared fold', () => {
  it('folds each event once for all views that are made and subscribed together', async () => {
    const { log, draw, create, folded } = await setup()
    const views = Array.from({ length: 10 }, () => create())
    for (const view of views) view.subscribe()
    await log('a', 'b')
    draw()
    expect(views.map(({ result }) => result)).toEqual(Array(10).fill('ab'))
    expect(folded()).toBe(2)
  })

  it('serves a late view with replay, even with more than is kept', async () => {
    const { log, draw, listening, create, folded } = await setup(2)
    const early = listening({ replay: true })
    await log('a', 'b', 'c', 'd', 'e', 'f', 'g')
    draw()
    const late = create({ replay: true })
    expect(late.result).toBe('abcdefg')
    late.subscribe()
    await log('h')
    draw()
    expect([early.view.result, late.result, folded()]).toEqual(['abcdefgh', 'abcdefgh', 8])
  })

  it('gives a late view without replay a beginning of its own', async () => {
    const { log, draw, listening } = await setup()
    const early = listening()
    await log('a')
    draw()
    const late = listening()
    await log('b')
    draw()
    expect([early.results, late.results]).toEqual([['a', 'ab'], ['b']])
  })

  it('is not shared by views whose render was outrun by an event', async () => {
    const { log, draw, create } = await setup()
    const discarded = create({ after: 0 })
    await log('a')
    const view = create({ replay: true })
    expect([discarded.result, view.result]).toEqual(['', 'a'])
    view.subscribe()
    await log('b')
    draw()
    expect(view.result).toBe('ab')
  })

  it('ends with its last view, and is made anew for the next', async () => {
    const { log, draw, listening, create } = await setup(1)
    const early = listening({ replay: true })
    await log('a', 'b')
    draw()
    early.stop()
    expect(create({ replay: true }).result).toBe('b')
  })

  it('differs by reducer, initial state, types and channel', async () => {
    const { log, draw, binding, join, listening, folded } = await setup()
    const views = [
      listening(),
      listening({}, reducedState(join, '-')),
      listening(
        {},
        reducedState((text: string) => `${text}.`, ''),
      ),
    ].map(({ view }) => view)
    views.push(new FoldView(binding, { definitions: [events.log, events.progress] }, reducedState(join, '')))
    views.push(new FoldView(binding, { ...source, channel: 'other' }, reducedState(join, '')))
    for (const view of views.slice(3)) view.subscribe()
    await log('a')
    draw()
    expect(views.map(({ result }) => result)).toEqual(['a', '-a', '.', 'a', ''])
    expect(folded()).toBe(3)
  })
})

describe('another recipe', () => {
  it('counts from the next event on, for this view only', async () => {
    const { log, draw, listening } = await setup()
    const [one, two] = [listening(), listening()]
    await log('a')
    one.view.use(reducedState((text: string) => `${text}.`, ''))
    expect(one.view.result).toBe('')
    draw()
    expect([one.view.result, two.view.result]).toEqual(['a', 'a'])
    await log('b')
    draw()
    expect([one.view.result, two.view.result]).toEqual(['a.', 'ab'])
    expect([one.results, two.results]).toEqual([
      ['a', 'a.'],
      ['a', 'ab'],
    ])
  })

  it('does not reach a view that is about to subscribe', async () => {
    const { log, draw, listening, create } = await setup()
    const one = listening({ replay: true })
    const two = create({ replay: true })
    one.view.use(reducedState((text: string) => `${text}.`, ''))
    two.subscribe()
    await log('a')
    draw()
    expect([one.view.result, two.result]).toEqual(['.', 'a'])
  })

  it('keeps the initial state of the first, even if it subscribes later', async () => {
    const { log, draw, join, create } = await setup()
    const view = create({}, reducedState(join, 'first '))
    view.use(reducedState(join, 'second '))
    view.subscribe()
    await log('a')
    draw()
    expect(view.result).toBe('first a')
  })
})

describe('a pause', () => {
  it('keeps what there is, and goes on with the next event', async () => {
    const { log, draw, listening } = await setup()
    const { view, stop, results } = listening()
    await log('a')
    draw()
    stop()
    await log('b')
    draw()
    expect(view.result).toBe('a')
    view.subscribe()
    await log('c')
    draw()
    expect([view.result, results]).toEqual(['ac', ['a', 'ac']])
  })

  it('goes on with the kept events if it replays', async () => {
    const { log, draw, listening } = await setup()
    const { view, stop } = listening({ replay: true })
    listening({ replay: true })
    await log('a')
    stop()
    await log('b')
    view.subscribe()
    await log('c')
    draw()
    expect(view.result).toBe('abc')
  })

  it('shows with the next frame what came before it', async () => {
    const { log, draw, due, listening } = await setup()
    const { stop, results, unwatch } = listening()
    await log('a')
    stop()
    expect(results).toEqual([])
    draw()
    expect(results).toEqual(['a'])
    unwatch()
    expect(due.size).toBe(0)
  })

  it('in which nothing comes changes nothing, and the fold is shared again', async () => {
    const { log, draw, listening, folded } = await setup()
    const [one, two] = [listening(), listening()]
    await log('a')
    one.stop()
    one.view.subscribe()
    await log('b')
    draw()
    expect([one.view.result, two.view.result, folded()]).toEqual(['ab', 'ab', 2])
  })

  it('is not affected by what another view has made of the fold', async () => {
    const { log, draw, listening } = await setup()
    const [one, two] = [listening(), listening()]
    await log('a')
    draw()
    one.stop()
    two.view.use(reducedState((text: string) => `${text}.`, ''))
    one.view.subscribe()
    await log('b')
    draw()
    expect([one.view.result, two.view.result]).toEqual(['ab', 'a.'])
  })

  it('leaves no frame behind when the component goes with it', async () => {
    for (const first of ['stop', 'unwatch'] as const) {
      const { log, due, listening } = await setup()
      const listener = listening()
      await log('a')
      listener[first]()
      listener[first === 'stop' ? 'unwatch' : 'stop']()
      expect(due.size).toBe(0)
    }
  })
})

describe('a throttle', () => {
  it('shows the first result at once, later ones at most once per that time, and the last one always', async () => {
    const { fake, log, draw, listening } = await setup()
    const [slow, fast] = [listening(), listening()]
    slow.view.throttle(500)
    await log('a')
    draw()
    for (const message of ['b', 'c']) {
      await log(message)
      draw()
      fake.clock.advance(249)
    }
    expect([slow.results, fast.results]).toEqual([['a'], ['a', 'ab', 'abc']])
    fake.clock.advance(2)
    draw()
    expect(slow.results).toEqual(['a', 'abc'])
    fake.clock.advance(500)
    draw()
    expect(slow.results).toEqual(['a', 'abc'])
    await log('d')
    draw()
    expect(slow.results).toEqual(['a', 'abc', 'abcd'])
  })

  it('that becomes shorter counts at once', async () => {
    const { log, draw, listening } = await setup()
    const { view, results } = listening()
    view.throttle(60_000)
    for (const message of ['a', 'b']) {
      await log(message)
      draw()
    }
    view.throttle(0)
    expect(results).toEqual(['a'])
    draw()
    expect(results).toEqual(['a', 'ab'])
  })

  it('does not last longer because the wall clock was set back', async () => {
    const { fake, log, draw, listening } = await setup()
    const { view, results } = listening()
    view.throttle(1_000)
    await log('a')
    draw()
    const now = fake.clock.now.bind(fake.clock)
    fake.clock.now = () => now() - 3_600_000
    await log('b')
    draw()
    fake.clock.advance(1_000)
    draw()
    expect(results).toEqual(['a', 'ab'])
  })

  it('leaves no timer and no frame behind', async () => {
    const { fake, log, draw, due, listening } = await setup()
    const { view, stop, unwatch } = listening()
    view.throttle(1_000)
    const before = fake.clock.timers
    for (const message of ['a', 'b']) {
      await log(message)
      draw()
    }
    expect(fake.clock.timers).toBe(before + 1)
    unwatch()
    stop()
    expect([fake.clock.timers, due.size]).toEqual([before, 0])
  })

  it.each(['500', -1, Number.NaN])('of %j is refused', async (value) => {
    const { create } = await setup()
    expect(() => create().throttle(value as number)).toThrow(
      expect.objectContaining({ code: 'RIVULET_CONFIGURATION', option: 'throttleMs' }),
    )
  })
})

it('shows at once to a new listener what is not rendered, and nothing after it was removed', async () => {
  const { log, draw, create } = await setup()
  const view = create()
  view.subscribe()
  await log('a')
  draw()
  const results: string[] = []
  const unwatch = view.watch('', (result) => void results.push(result))
  expect(results).toEqual(['a'])
  unwatch()
  await log('b')
  draw()
  expect(results).toEqual(['a'])
})

it('matches equal types and channels of the same binding', async () => {
  const { binding, create } = await setup()
  const view = create()
  expect(view.matches(binding, { definitions: [events.log] })).toBe(true)
  expect(view.matches(binding, { definitions: [events.progress] })).toBe(false)
  expect(view.matches(new StreamBinding(binding.service, 10), source)).toBe(false)
})
