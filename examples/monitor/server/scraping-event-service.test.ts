import { expect, it } from 'vitest'
import { events } from '../shared/events.js'
import { ScrapeRunningError, ScrapingEventService } from './scraping-event-service.js'
import { recordingEmit, serve } from './testing.js'

async function pages(): Promise<string> {
  return serve((request, response) => {
    if (request.url === '/a') response.end('203.0.113.1:80\n203.0.113.2:80\n10.0.0.1:80')
    else if (request.url === '/b') response.end('203.0.113.2:80\n203.0.113.3:80')
    else if (request.url === '/json') response.setHeader('content-type', 'application/json').end('{"ip":')
    else if (request.url === '/slow') response.write('203.0.113.9:80')
    else {
      response.statusCode = 500
      response.end()
    }
  })
}

it('reports a run from its start through every source to its completion', async () => {
  const { emit, emitted } = recordingEmit()
  const origin = await pages()
  const scraping = new ScrapingEventService({ emit, sources: () => [`${origin}/a`, `${origin}/bad`, `${origin}/b`] })
  const { runId, done } = scraping.start()
  await done

  const told = emitted.map(({ payload }) => {
    const { status, progress, proxiesFound, currentSource } = payload
    return [status, progress, proxiesFound, String(currentSource).replace(origin, '')]
  })
  expect(told).toEqual([
    ['started', 0, 0, ''],
    ['progress', 0, 0, '/a'],
    ['progress', 33, 2, '/a'],
    ['progress', 33, 2, '/bad'],
    ['error', 67, 2, '/bad'],
    ['progress', 67, 2, '/b'],
    ['progress', 100, 3, '/b'],
    ['completed', 100, 3, ''],
  ])
  expect(new Set(emitted.map(({ payload }) => payload.runId))).toEqual(new Set([runId]))
  expect(emitted[0]!.payload.sources).toMatchObject([
    { status: 'waiting' },
    { status: 'waiting' },
    { status: 'waiting' },
  ])
  expect(emitted[4]!.payload.error).toBe('HTTP 500 Internal Server Error')
  expect(emitted.at(-1)!.payload.sources).toMatchObject([
    { status: 'completed', proxies: 2 },
    { status: 'error', proxies: 0, error: 'HTTP 500 Internal Server Error' },
    { status: 'completed', proxies: 2 },
  ])
  expect(scraping.proxies).toEqual(['203.0.113.1:80', '203.0.113.2:80', '203.0.113.3:80'])
})

it('publishes only events that fit the contract', async () => {
  const { emit, emitted } = recordingEmit()
  const origin = await pages()
  await new ScrapingEventService({ emit, sources: () => [`${origin}/a`, `${origin}/bad`] }).start().done
  for (const { type, payload } of emitted) {
    const result = await events[type as 'scraping_progress'].schema['~standard'].validate(payload)
    expect(result.issues).toBeUndefined()
  }
})

it('continues after a slow source and one that cannot be read', async () => {
  const { emit, emitted } = recordingEmit()
  const origin = await pages()
  const failed: string[] = []
  const scraping = new ScrapingEventService({
    emit,
    timeoutMs: 100,
    sources: () => [`${origin}/slow`, `${origin}/json`, `${origin}/b`],
    onSourceError: (url, reason) => failed.push(`${url.replace(origin, '')}: ${reason}`),
  })
  await scraping.start().done
  expect(failed[0]).toBe('/slow: No complete answer within 100 ms')
  expect(failed[1]).toMatch(/^\/json: .*JSON/)
  expect(emitted.at(-1)!.payload).toMatchObject({ status: 'completed', proxiesFound: 2 })
})

it('refuses a second run during a run, and accepts one afterwards', async () => {
  const { emit } = recordingEmit()
  const origin = await pages()
  const scraping = new ScrapingEventService({ emit, sources: () => [`${origin}/a`] })
  const first = scraping.start()
  expect(() => scraping.start()).toThrow(ScrapeRunningError)
  await first.done
  const second = scraping.start()
  expect(second.runId).not.toBe(first.runId)
  await second.done
})

it('ends when it is stopped', async () => {
  const { emit, emitted } = recordingEmit()
  const origin = await pages()
  const scraping = new ScrapingEventService({ emit, sources: () => [`${origin}/slow`, `${origin}/a`] })
  const { done } = scraping.start()
  scraping.stop()
  await done
  expect(emitted.at(-1)!.payload).toMatchObject({ status: 'progress', currentSource: `${origin}/slow` })
})
