import { afterEach, beforeEach, expect, it } from 'vitest'
import { Demo, type DemoState, keptEvents } from '../docs/.vitepress/theme/demo/demo.js'

let demo: Demo
let state: DemoState

beforeEach(async () => {
  demo = new Demo((next) => {
    state = next
  })
  await expect.poll(() => demo.stream.status).toBe('open')
})

afterEach(() => demo.close())

/** Publishes a number of orders while the page is disconnected. */
async function publishWhileCut(count: number): Promise<void> {
  demo.cut()
  await expect.poll(() => demo.stream.status).toBe('waiting')
  for (let order = 0; order < count; order++) await demo.publish()
  demo.restore()
  await expect.poll(() => demo.stream.status).toBe('open')
}

it('resumes at its position', async () => {
  await demo.publish()
  await expect.poll(() => state.lines).toEqual([{ kind: 'event', order: 1 }])
  await publishWhileCut(2)
  await expect.poll(() => state.lines.length).toBe(3)
  expect(state).toMatchObject({ recovered: true, lines: [{ order: 1 }, { order: 2 }, { order: 3 }] })
})

it('shows a gap if more was published than the server keeps', async () => {
  await demo.publish()
  await expect.poll(() => state.lines.length).toBe(1)
  await publishWhileCut(keptEvents + 2)
  await expect.poll(() => state.lines.length).toBe(2 + keptEvents)
  expect(state.recovered).toBe(false)
  expect(state.lines.slice(0, 3)).toEqual([{ kind: 'event', order: 1 }, { kind: 'gap' }, { kind: 'event', order: 4 }])
})
