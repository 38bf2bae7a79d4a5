import type { BaseEvent, EventDefinition } from '@rivulet/core'
import { describe, expect, it } from 'vitest'
import { createFake, events } from '../../../../test-support/fake-log.js'
import { stubFrames } from '../../../../test-support/stub-frames.js'
import { StreamBinding } from './stream-binding.js'

async function open(bufferSize = 0) {
  const fake = createFake()
  const binding = new StreamBinding(fake.service, bufferSize)
  const close = binding.open()
  await fake.connect()
  const log = (...messages: string[]) => Promise.all(messages.map((message) => fake.push('log', { message })))
  return { fake, binding, close, log }
}

function recorder(...definitions: EventDefinition[]) {
  const taken: string[] = []
  const shown: number[] = []
  return {
    definitions,
    taken,
    shown,
    take: ({ type }: BaseEvent) => void taken.push(type),
    show: () => void shown.push(taken.length),
  }
}

describe('events', () => {
  it('are received at once and shown to all subscribers in one frame', async () => {
    const { fake, binding, log } = await open()
    const { due, draw } = stubFrames()
    const [logs, both] = [recorder(events.log), recorder(events.log, events.progress)]
    binding.subscribe(logs)
    binding.subscribe(both)
    await log('a', 'b')
    await fake.push('progress', { percent: 1 })
    expect([logs.taken.length, both.taken.length]).toEqual([2, 3])
    expect([...logs.shown, ...both.shown]).toEqual([])
    expect(due.size).toBe(1)
    draw()
    expect([logs.shown, both.shown]).toEqual([[2], [3]])
    expect([binding.received, binding.committed]).toEqual([3, 3])
  })

  it('are shown at most once per throttle', async () => {
    const { fake, binding, log } = await open()
    const { draw } = stubFrames()
    const logs = recorder(events.log)
    binding.subscribe(logs)
    binding.throttle(1_000)
    await log('a')
    draw()
    await log('b', 'c')
    fake.clock.advance(999)
    draw()
    expect(logs.shown).toEqual([1])
    fake.clock.advance(1)
    draw()
    expect(logs.shown).toEqual([1, 3])
  })

  it('are shown after the throttle if the wall clock was set back', async () => {
    const { fake, binding, log } = await open()
    const { draw } = stubFrames()
    const logs = recorder(events.log)
    binding.subscribe(logs)
    binding.throttle(1_000)
    await log('a')
    draw()
    const now = fake.clock.now.bind(fake.clock)
    fake.clock.now = () => now() - 3_600_000
    await log('b')
    fake.clock.advance(1_000)
    draw()
    expect(logs.shown).toEqual([1, 2])
  })

  it('are shown to the others if one subscriber throws', async () => {
    const { binding, log } = await open()
    const { draw } = stubFrames()
    const logs = recorder(events.log)
    const show = () => {
      throw new Error('no')
    }
    binding.subscribe({ ...recorder(events.log), show })
    binding.subscribe(logs)
    const told: number[] = []
    binding.onShow((count) => told.push(count))
    await log('a')
    expect(draw).toThrow('no')
    expect([logs.shown, told]).toEqual([[1], [1]])
    await log('b')
    expect(draw).toThrow('no')
    expect(logs.shown).toEqual([1, 2])
  })

  it('leave no pending frame without subscribers', async () => {
    const { binding, log } = await open()
    const { due } = stubFrames()
    const stop = binding.subscribe(recorder(events.log))
    await log('a')
    expect(due.size).toBe(1)
    stop()
    expect(due.size).toBe(0)
    expect(binding.committed).toBe(1)
  })

  it('go to a handler at once, with their count, until it is removed', async () => {
    const { binding, log } = await open()
    const counts: number[] = []
    const stop = binding.on(events.log, () => void counts.push(binding.received))
    await log('a', 'b')
    stop()
    await log('c')
    expect(counts).toEqual([1, 2])
  })
})

describe('kept events', () => {
  it('are the latest of each type, in order of arrival', async () => {
    const { fake, binding, log } = await open(2)
    await log('a')
    await fake.push('progress', { percent: 1 })
    await log('b', 'c', 'd', 'e', 'f')
    const kept = (...range: [number, number]) => binding.kept(['log', 'progress'], ...range)
    expect(kept(0, 7)).toMatchObject([{ percent: 1 }, { message: 'e' }, { message: 'f' }])
    expect(kept(2, 6)).toMatchObject([{ message: 'e' }])
    expect(kept(7, 7)).toEqual([])
  })

  it('are none with a buffer of size 0', async () => {
    const { binding, log } = await open(0)
    await log('a')
    expect(binding.received).toBe(0)
    expect(binding.kept(['log'], 0, 1)).toEqual([])
  })
})

describe('a page that updates later than its subscribers', () => {
  it('reports when it has changed', async () => {
    const { binding, log } = await open()
    const { draw } = stubFrames()
    const shown: number[] = []
    binding.subscribe(recorder(events.log))
    binding.onShow((count) => void shown.push(count))
    await log('a', 'b')
    draw()
    expect([shown, binding.committed]).toEqual([[2], 0])
    binding.commit(2)
    binding.commit(1)
    expect(binding.committed).toBe(2)
  })

  it('shows a late subscriber’s events in the same commit, or in a microtask', async () => {
    const { binding, log } = await open()
    const { draw } = stubFrames()
    const logs = recorder(events.log)
    binding.subscribe(logs)
    binding.onShow(() => {})
    await log('a')
    draw()
    binding.catchUp()
    binding.finishCatchUp()
    expect(logs.shown).toEqual([1, 1])
    binding.catchUp()
    await Promise.resolve()
    expect(logs.shown).toEqual([1, 1, 1])
    binding.commit(1)
    binding.catchUp()
    await Promise.resolve()
    expect(logs.shown).toEqual([1, 1, 1])
    draw()
    expect(logs.shown).toEqual([1, 1, 1, 1])
  })
})

it('connects when opened, and closes with the returned function', async () => {
  const { fake, close } = await open()
  expect(fake.service.status).toBe('open')
  close()
  await Promise.resolve()
  expect(fake.service.status).toBe('closed')
})

it('reports errors to the onError of the stream', () => {
  const { service } = createFake()
  const errors: unknown[] = []
  service.onError((error) => void errors.push(error))
  const error = new Error('no')
  new StreamBinding(service, 0).report(error)
  expect(errors).toEqual([error])
})

it.each(['500', -1, Number.NaN, null])('refuses the bufferSize or throttleMs %j', (value) => {
  const { service } = createFake()
  const refusal = (option: string) => expect.objectContaining({ code: 'RIVULET_CONFIGURATION', option })
  expect(() => new StreamBinding(service, value as number)).toThrow(refusal('bufferSize'))
  expect(() => new StreamBinding(service, 0).throttle(value as number)).toThrow(refusal('throttleMs'))
})
