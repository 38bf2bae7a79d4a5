import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventStreamService } from '@rivulet/client'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { events, streamPath } from '../shared/events.js'
import { createDashboard, type Dashboard } from './app.js'

let dashboard: Dashboard
let origin: string
let stop: () => Promise<void>

beforeEach(async () => {
  dashboard = createDashboard({ sampleMs: 50, logDestination: { write() {} } })
  const server = createServer(dashboard.app.callback())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  origin = `http://127.0.0.1:${port}`
  dashboard.start(port)
  stop = async () => {
    await dashboard.close()
    server.closeAllConnections()
    server.close()
  }
})
afterEach(() => stop())

function connect() {
  const stream = new EventStreamService({ url: origin + streamPath, events })
  const seen = { log: [] as string[], notifications: [] as string[] }
  stream.on('log', ({ level, message }) => seen.log.push(`${level}: ${message.replace(/ in .*/, '')}`))
  stream.on('notification', ({ severity, message }) => seen.notifications.push(`${severity}: ${message}`))
  return { stream, seen }
}

it('logs requests to the page, and failures as notifications', async () => {
  const { stream, seen } = connect()
  stream.connect()
  await expect.poll(() => stream.status).toBe('open')
  await fetch(`${origin}/demo/list`)
  await fetch(`${origin}/demo/broken`)
  await fetch(`${origin}/nowhere`)
  await expect
    .poll(() => seen.log.filter((line) => !line.includes(streamPath)))
    .toEqual(['info: GET /demo/list 200', 'error: GET /demo/broken 500', 'warning: GET /nowhere 404'])
  expect(seen.notifications).toContain('problem: A request failed: This page is broken on purpose.')
  stream.close()
})

it('measures the requests of the last interval, and its own process', async () => {
  const { stream } = connect()
  const samples = stream.events(events.metrics)
  await expect(samples.next()).resolves.toMatchObject({ value: { requestsPerSecond: 0 } })
  await Promise.all([fetch(`${origin}/demo/list`), fetch(`${origin}/demo/broken`)])
  let requests = 0
  let errors = 0
  for await (const sample of samples) {
    expect(sample).toMatchObject({ streams: 1, rssBytes: expect.any(Number) })
    requests += sample.requestsPerSecond / 20
    errors += sample.errorsPerSecond / 20
    if (sample.latencyP95Ms > 0) expect(sample.latencyP95Ms).toBeGreaterThanOrEqual(sample.latencyP50Ms)
    if (requests >= 2) break
  }
  expect([Math.round(requests), Math.round(errors)]).toEqual([2, 1])
})

it('runs one scrape at a time, and reports every step', async () => {
  const { stream, seen } = connect()
  const runs = stream.events(events.scraping_progress)
  stream.connect()
  await expect.poll(() => stream.status).toBe('open')
  expect((await fetch(`${origin}/api/scrape`, { method: 'POST' })).status).toBe(202)
  expect((await fetch(`${origin}/api/scrape`, { method: 'POST' })).status).toBe(409)
  const progress: number[] = []
  for await (const run of runs) {
    progress.push(run.progress)
    if (run.status === 'completed') {
      expect(run.pages.map(({ status, found }) => [status, found])).toEqual([
        [200, 20],
        [200, 20],
        [200, 20],
        [500, 0],
      ])
      break
    }
  }
  expect(progress).toEqual([0, 25, 25, 50, 50, 75, 75, 100, 100])
  await expect.poll(() => seen.notifications.at(-1)).toMatch(/^notice: Scrape found \d+ proxies on 3 of 4 pages/)
  stream.close()
})
