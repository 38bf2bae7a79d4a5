import { createDecoder, defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { eventStreamResponse } from '@rivulet/server/web'
import { expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { FakeClock } from './fake-clock.js'

test('timers fall due in order, each at its time', () => {
  const clock = new FakeClock(0)
  const calls: [string, number][] = []
  clock.setTimeout(() => calls.push(['late', clock.now()]), 20)
  clock.setTimeout(() => {
    calls.push(['early', clock.now()])
    clock.setTimeout(() => calls.push(['between', clock.now()]), 5)
  }, 10)
  clock.clearTimeout(clock.setTimeout(() => calls.push(['cleared', clock.now()]), 15))
  expect([clock.timers, clock.pending]).toEqual([2, [10, 20]])
  clock.advance(25)
  expect(calls).toEqual([
    ['early', 10],
    ['between', 15],
    ['late', 20],
  ])
  expect([clock.now(), clock.timers]).toEqual([25, 0])
})

test('a turn calls everything deferred before it', () => {
  const clock = new FakeClock()
  const calls: string[] = []
  clock.defer(() => {
    calls.push('first')
    clock.defer(() => calls.push('second'))
  })
  expect(calls).toEqual([])
  clock.turn()
  expect(calls).toEqual(['first'])
  clock.advance(0)
  expect(calls).toEqual(['first', 'second'])
})

test('timers stand still while the machine sleeps', () => {
  const clock = new FakeClock(0)
  const callback = vi.fn()
  clock.setTimeout(callback, 10)
  clock.sleep(1_000)
  expect([clock.now(), clock.pending]).toEqual([1_000, [10]])
  clock.advance(9)
  expect(callback).not.toHaveBeenCalled()
  clock.advance(1)
  expect(callback).toHaveBeenCalled()
})

test('drives an EventManager: its turns and its timers', async () => {
  const clock = new FakeClock()
  const events = defineEvents({ note: z.object({ text: z.string() }) })
  const manager = new EventManager({ events, clock, heartbeat: { intervalMs: 10_000 } })
  onTestFinished(() => manager.close())
  const response = await eventStreamResponse(manager, new Request('https://example.test/events'))
  const received: string[] = []
  const decoder = createDecoder({
    onMessage: ({ event }) => received.push(event),
    onComment: () => received.push('comment'),
  })
  void response.body?.pipeTo(new WritableStream({ write: (chunk) => decoder.feed(chunk) }))

  await vi.waitFor(() => {
    clock.turn()
    expect(received).toContain('rivulet:open')
  })
  received.length = 0
  await manager.publish(events.note, { text: 'hello' })
  expect(received).toEqual([])
  clock.turn()
  await vi.waitFor(() => expect(received).toEqual(['note']))
  clock.advance(15_000)
  await vi.waitFor(() => expect(received.length).toBeGreaterThan(1))
})
