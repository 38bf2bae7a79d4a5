import { expect, it } from 'vitest'
import { SystemEventService } from './system-event-service.js'
import { recordingEmit } from './testing.js'

it('reports the start', () => {
  const { emit, emitted } = recordingEmit()
  new SystemEventService({ emit }).started({ port: 4_200, node: 'v20', pid: 7 })
  expect(emitted).toEqual([
    {
      type: 'system',
      payload: {
        event: 'server_start',
        message: 'Server started on port 4200',
        data: { port: 4_200, node: 'v20', pid: 7 },
      },
    },
  ])
})

it('reports an error that no route caught, whatever was thrown', () => {
  const { emit, emitted } = recordingEmit()
  const system = new SystemEventService({ emit })
  system.failed(new Error('broken'), { method: 'GET', url: '/a' })
  system.failed('just text', { method: 'POST', url: '/b' })
  expect(emitted.map(({ payload }) => [payload.event, payload.message])).toEqual([
    ['server_error', 'GET /a failed: broken'],
    ['server_error', 'POST /b failed: just text'],
  ])
})

it('reports high load from the limit on, then stays quiet for a while', () => {
  const { emit, emitted } = recordingEmit()
  let now = 0
  const system = new SystemEventService({ emit, highLoadMs: 100, quietMs: 10_000, now: () => now })
  system.checkLoad({ p99Ms: 99, maxMs: 99.9 })
  expect(emitted).toHaveLength(0)
  system.checkLoad({ p99Ms: 5, maxMs: 100.4 })
  expect(emitted.map(({ payload }) => payload.message)).toEqual(['The event loop was held up for 100 ms'])
  now = 9_999
  system.checkLoad({ p99Ms: 900, maxMs: 900 })
  expect(emitted).toHaveLength(1)
  now = 10_000
  system.checkLoad({ p99Ms: 900, maxMs: 900 })
  expect(emitted).toHaveLength(2)
})
