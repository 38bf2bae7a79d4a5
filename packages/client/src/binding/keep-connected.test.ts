import { describe, expect, it } from 'vitest'
import { createFake } from '../../../../test-support/fake-log.js'
import { keepConnected } from './keep-connected.js'

const microtask = () => Promise.resolve()

it('connects for the first holder and closes after the last', async () => {
  const { service } = createFake()
  const stops = [keepConnected(service), keepConnected(service)]
  expect(service.status).toBe('connecting')
  stops[0]!()
  await microtask()
  expect(service.status).toBe('connecting')
  stops[1]!()
  await microtask()
  expect(service.status).toBe('closed')
})

it('keeps the connection if a component is unmounted and mounted in one step', async () => {
  const fake = createFake()
  const stop = keepConnected(fake.service)
  await fake.connect()
  stop()
  const stopAgain = keepConnected(fake.service)
  await microtask()
  expect(fake.service.status).toBe('open')
  expect(fake.requests).toHaveLength(1)
  stopAgain()
  await microtask()
  expect(fake.service.status).toBe('closed')
})

it('does not close a stream that was connected before', async () => {
  const fake = createFake()
  await fake.connect()
  keepConnected(fake.service)()
  await microtask()
  expect(fake.service.status).toBe('open')
})

it('reconnects a closed stream', async () => {
  const fake = createFake()
  await fake.connect()
  fake.service.close()
  keepConnected(fake.service)
  expect(fake.service.status).toBe('connecting')
})

describe('a stream that a loop has connected', () => {
  it('stays connected when the loop ends, and closes after the last holder', async () => {
    const { service } = createFake()
    const loop = service.events()
    void loop.next()
    const stop = keepConnected(service)
    await loop.return()
    expect(service.status).toBe('connecting')
    stop()
    await microtask()
    expect(service.status).toBe('closed')
  })

  it('stays connected after the last holder, until the loop ends', async () => {
    const { service } = createFake()
    const loop = service.events()
    void loop.next()
    keepConnected(service)()
    await microtask()
    expect(service.status).toBe('connecting')
    await loop.return()
    expect(service.status).toBe('closed')
  })
})
