import { expect, it } from 'vitest'
import { createFake, events } from '../../../../test-support/fake-log.js'
import { stubFrames } from '../../../../test-support/stub-frames.js'
import { StreamStores, type StreamStoresOptions } from './stream-stores.js'

async function setUp(options?: StreamStoresOptions) {
  const frames = stubFrames()
  const fake = createFake()
  const stores = new StreamStores(fake.service, options)
  const close = stores.open()
  await fake.connect()
  const log = async (...messages: string[]) => {
    await Promise.all(messages.map((message) => fake.push('log', { message })))
    frames.draw()
  }
  return { ...frames, fake, stores, close, log }
}

it('connects when opened, not when subscribed to, and closes again', async () => {
  const fake = createFake()
  const stores = new StreamStores(fake.service)
  const statuses: string[] = []
  stores.connection.subscribe(({ status }) => statuses.push(status))
  stores.events(events.log).subscribe(() => {})
  expect(statuses).toEqual(['idle'])
  const close = stores.open()
  await fake.connect()
  close()
  await Promise.resolve()
  expect([...new Set(statuses)]).toEqual(['idle', 'connecting', 'open', 'closed'])
})

it('shows events and the status to all subscribers, and nothing after they have left', async () => {
  const { fake, stores, log } = await setUp()
  const store = stores.events(events.log, { limit: 2 })
  const seen: string[] = []
  const stop = store.subscribe(({ events: lines, latest, status }) =>
    seen.push(`${lines.map(({ message }) => message).join('')} ${latest?.message} ${status}`),
  )
  await log('a', 'b', 'c')
  let other: unknown
  store.subscribe((value) => {
    other = value
  })
  expect(other).toBe(store.get())
  await fake.drop()
  stop()
  stop()
  await fake.retry()
  expect(seen).toEqual([' undefined open', 'bc c open', 'bc c waiting'])
  expect(store.get()).toMatchObject({ status: 'open' })
})

it('tells everybody of a change that a later subscriber has seen first', async () => {
  const { fake, stores } = await setUp()
  const lines = stores.events(events.log)
  const seen: string[] = []
  stores.connection.subscribe(({ status }) => {
    if (status === 'waiting') lines.subscribe((view) => seen.push(`later: ${view.status}`))
  })
  lines.subscribe(({ status }) => seen.push(status))
  await fake.drop()
  expect(seen).toEqual(['open', 'waiting', 'later: waiting'])
})

it('listens to nothing for a subscriber that throws at once', async () => {
  const { stores, log } = await setUp()
  const count = stores.reduce(events.log, (total) => total + 1, 0)
  expect(() =>
    count.subscribe(() => {
      throw new Error('broken')
    }),
  ).toThrow('broken')
  await log('a', 'b')
  expect(count.get()).toBe(0)
})

it('keeps what it has without subscribers, and goes on with the next event, or with those that were kept', async () => {
  const { stores, log } = await setUp()
  const count = (total: number) => total + 1
  const plain = stores.reduce(events.log, count, 0)
  const replaying = stores.reduce(events.log, count, 0, { replay: true })
  await log('a')
  expect([plain.get(), replaying.get()]).toEqual([0, 0])
  const stops = [plain.subscribe(() => {}), replaying.subscribe(() => {})]
  await log('b')
  expect([plain.get(), replaying.get()]).toEqual([1, 2])
  for (const stop of stops) stop()
  await log('c')
  expect([plain.get(), replaying.get()]).toEqual([1, 2])
  for (const store of [plain, replaying]) store.subscribe(() => {})
  await log('d')
  expect([plain.get(), replaying.get()]).toEqual([2, 4])
})

it('changes only with its selection', async () => {
  const { fake, stores, log } = await setUp()
  const seen: unknown[] = []
  stores.events(events.log, { select: ({ latest }) => latest?.message }).subscribe((value) => seen.push(value))
  const lists: unknown[] = []
  const list = { select: (count: number) => [count > 1], equal: (a: boolean[], b: boolean[]) => a[0] === b[0] }
  stores.reduce(events.log, (total) => total + 1, 0, list).subscribe((value) => lists.push(value))
  await log('a')
  await log('x', 'a')
  await fake.drop()
  await log('b')
  expect(seen).toEqual([undefined, 'a'])
  expect(lists).toEqual([[false], [true]])
})

it('takes a channel and a throttle', async () => {
  const { fake, stores, draw } = await setUp()
  const seen: unknown[] = []
  const options = { channel: 'job:1', throttleMs: 500, select: (total: number) => total }
  stores.reduce(events.log, (total) => total + 1, 0, options).subscribe((total) => seen.push(total))
  for (const channel of ['job:1', 'job:2', 'job:1', 'job:1']) {
    await fake.push('log', { message: 'x' }, { channel })
    draw()
  }
  fake.clock.advance(500)
  draw()
  expect(seen).toEqual([0, 1, 3])
})

it('tells the others if one observer throws, and takes observers with `next`', async () => {
  const { stores, fake, draw } = await setUp()
  const store = stores.reduce(events.log, (total) => total + 1, 0)
  const seen: number[] = []
  store.subscribe((total) => {
    if (total > 0) throw new Error('no')
  })
  const subscription = store.subscribe({ next: (total) => void seen.push(total) })
  store.subscribe({})
  await fake.push('log', { message: 'a' })
  expect(draw).toThrow('no')
  subscription.unsubscribe()
  await fake.push('log', { message: 'b' })
  expect(draw).toThrow('no')
  expect(seen).toEqual([0, 1])
})

it('leaves no frame and no timer behind', async () => {
  const { fake, stores, due, draw, close } = await setUp({ throttleMs: 100 })
  const before = fake.clock.timers
  const stop = stores.events(events.log, { throttleMs: 500 }).subscribe(() => {})
  for (let n = 0; n < 3; n++) {
    await fake.push('log', { message: 'x' })
    draw()
  }
  stop()
  expect([fake.clock.timers, due.size]).toEqual([before, 0])
  close()
})

it('refuses invalid options', () => {
  const { service } = createFake()
  const refusal = (option: string) => expect.objectContaining({ code: 'RIVULET_CONFIGURATION', option })
  expect(() => new StreamStores(service, { bufferSize: -1 })).toThrow(refusal('bufferSize'))
  expect(() => new StreamStores(service, { throttleMs: Number.NaN })).toThrow(refusal('throttleMs'))
  expect(() => new StreamStores(service).events(events.log, { throttleMs: -1 })).toThrow(refusal('throttleMs'))
})
