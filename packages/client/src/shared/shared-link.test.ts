import { afterEach, expect, test, vi } from 'vitest'
import { FakeOrigin } from '../../test/fake-tabs.js'
import { dataOf, until, useHarness } from '../../test/harness.js'

const harness = useHarness()

vi.mock(import('./shared-connection.js'), async (original) => {
  await released
  const { SharedConnection } = await original()
  return {
    SharedConnection: class extends SharedConnection {
      constructor(...args: ConstructorParameters<typeof SharedConnection>) {
        if (broken) throw new Error('not to be had')
        super(...args)
      }
    },
  }
})

let broken = false
let release = () => {}
let released = Promise.resolve()

afterEach(() => {
  vi.unstubAllGlobals()
})

function hold(): void {
  released = new Promise((resolve) => {
    release = resolve
  })
}

test('a stream closed before its code has loaded stays closed, and can be connected again', async () => {
  new FakeOrigin()
  hold()
  const stream = harness.createStream({ shared: { key: 'alice' }, lastEventId: '7' })
  expect(stream.status).toBe('idle')
  stream.connect()
  expect(stream.status).toBe('connecting')
  stream.close()
  expect(stream.status).toBe('closed')
  release()
  await released
  stream.connect()
  await harness.server.open()
  expect(harness.server.cursors).toEqual(['7'])
})

test('a stream whose code cannot be loaded has its own connection, and reports why', async () => {
  new FakeOrigin()
  broken = true
  const stream = harness.createStream({ shared: { key: 'alice' } })
  const errors: unknown[] = []
  stream.onError((error) => errors.push(error))
  const received = dataOf(stream)
  stream.connect()
  await harness.server.open()
  harness.server.stream.write('data: 1\n\n')
  await until(() => received.length === 1)
  expect(errors).toHaveLength(1)
})
