import { expect, test } from 'vitest'
import { FakeClock } from '../../../testing/src/fake-clock.js'
import { frame } from '../../test/sse-server.js'
import type { ConnectionSnapshot } from '../connection/stream-link.js'
import { SharedLeader } from './shared-leader.js'
import { SharedLog } from './shared-log.js'

const settle = () => new Promise((resolve) => setImmediate(resolve))

/** Makes a leader whose connection has an event for each read, and that waits for the answer of `holds`. */
async function lead() {
  const clock = new FakeClock()
  const log = new SharedLog()
  let reads = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (reads === 100) controller.close()
        else controller.enqueue(new TextEncoder().encode(frame('tick', {}, `${++reads}`)))
      },
    },
    { highWaterMark: 0 },
  )
  const states: ConnectionSnapshot[] = []
  let answer = (_: boolean) => {}
  let deposed = 0
  const holds = new Promise<boolean>((resolve) => {
    answer = resolve
  })
  const response = new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  // The page has been frozen since its election.
  const leader = new SharedLeader(
    [1, 'tab'],
    clock.now() - 60_000,
    log,
    { url: 'https://a.test/', fetch: async () => response },
    clock,
    {
      post: () => {},
      holds: () => holds,
      grown: () => {
        if (reads >= 20) leader.stop(false)
      },
      changed: (state) => states.push(state),
      error: () => {},
      deposed: () => {
        deposed++
        leader.stop(false)
      },
    },
  )
  leader.start()
  await settle()
  return {
    log,
    states,
    answer,
    get reads() {
      return reads
    },
    get deposed() {
      return deposed
    },
  }
}

test('an unsure leader takes nothing, and reads at most one chunk', async () => {
  const game = await lead()
  expect(game.log.lastId).toBe('')
  expect(game.states).toEqual([])
  expect(game.reads).toBeLessThanOrEqual(2)
})

test('a leader that still leads takes everything in order', async () => {
  const game = await lead()
  game.answer(true)
  await settle()
  expect(game.states.map(({ status }) => status)).toContain('open')
  expect(game.log.since([1, 1])?.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, i) => `${i + 1}`))
  expect(game.deposed).toBe(0)
})

test('a former leader takes nothing', async () => {
  const game = await lead()
  game.answer(false)
  await settle()
  expect(game.deposed).toBe(1)
  expect(game.log.lastId).toBe('')
  expect(game.states).toEqual([])
})
