import { Writable } from 'node:stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { streamPath } from '../shared/events.js'
import { createMonitor, type MonitorOptions } from './app.js'
import { line, openStream, type Received, serve } from './testing.js'

async function start(options: MonitorOptions = {}) {
  const stdout: string[] = []
  const logDestination = new Writable({
    write(chunk, _encoding, callback) {
      stdout.push(String(chunk))
      callback()
    },
  })
  const monitor = createMonitor({ slowSourceMs: 20, logDestination, ...options })
  const origin = await serve(monitor.app)
  monitor.start(Number(new URL(origin).port))
  onTestFinished(() => monitor.close())
  return { monitor, origin, stdout, stream: origin + streamPath }
}

const ofType = (type: string) => (event: Received) => event.type === type
const messages = (received: Received[]) => received.filter(ofType('log')).map(({ data }) => data.message)

describe('the log', () => {
  it('sends the line of a request to an open stream', async () => {
    const { origin, stream } = await start()
    const client = await openStream(stream)
    await client.until(line('requested'))
    await fetch(`${origin}/api/proxies?page=2`)
    const all = await client.until(line('/api/proxies'))
    expect(all.filter(line('requested'))).toEqual([])
    const seen = all.at(-1)!
    expect(seen.data).toMatchObject({
      level: 'info',
      message: expect.stringMatching(/^GET \/api\/proxies\?page=2 200 in \d+ ms$/),
      data: { method: 'GET', url: '/api/proxies?page=2', status: 200, durationMs: expect.any(Number) },
      source: 'monitor',
    })
    expect(seen.id).not.toBe('')
  })

  it('has one line for the start of a stream and one for its end, whatever it carries', async () => {
    const { monitor, stream } = await start()
    const watcher = await openStream(stream)
    await watcher.until(ofType('rivulet:open'))
    const other = await openStream(stream)
    await other.until(line('requested'))
    for (let number = 0; number < 100; number++) monitor.logger.info(`line ${number}`)
    await other.until(line('line 99'))
    other.close()
    const seen = messages(await watcher.until(line('stream closed')))
    expect(seen.filter((message) => !/^line \d+$/.test(String(message)))).toEqual([
      expect.stringMatching(/^Listening on /),
      expect.stringMatching(/^Event stream requested by /),
      expect.stringMatching(/^Event stream requested by /),
      expect.stringMatching(/^Event stream closed after \d/),
    ])
  })

  it('contains no headers', async () => {
    const { origin, stream, stdout } = await start()
    const client = await openStream(stream)
    await fetch(`${origin}/api/proxies`, { headers: { authorization: 'Bearer secret', cookie: 'session=secret' } })
    expect(JSON.stringify(await client.until(line('/api/proxies')))).not.toContain('secret')
    expect(stdout.join('')).not.toContain('secret')
  })

  it('sends missed lines to a returning client, once and in order', async () => {
    const { monitor, stream } = await start()
    const client = await openStream(stream)
    monitor.logger.info('line 1')
    const { id } = (await client.until(line('line 1'))).at(-1)!
    client.close()
    for (const number of [2, 3, 4]) monitor.logger.info(`line ${number}`)
    const again = await openStream(stream, { 'last-event-id': id })
    monitor.logger.info('line 5')
    const seen = await again.until(line('line 5'))
    expect(seen[0]).toMatchObject({ type: 'rivulet:open', data: { recovered: true } })
    expect(messages(seen).filter((message) => String(message).startsWith('line'))).toEqual([
      'line 2',
      'line 3',
      'line 4',
      'line 5',
    ])
  })

  it('tells a client of the previous server about the gap, and sends it the lines since the start', async () => {
    const { monitor, stream } = await start()
    monitor.logger.info('before it came')
    const client = await openStream(stream, { 'last-event-id': ((Date.now() - 60_000) * 1024).toString(36) })
    const seen = await client.until(line('before it came'))
    expect(seen[0]).toMatchObject({ type: 'rivulet:open', data: { recovered: false } })
    expect(seen.filter(ofType('rivulet:gap'))[0]).toMatchObject({ data: { reason: 'restarted' } })
    expect(messages(seen)[0]).toMatch(/^Listening on/)
  })

  it('sends the latest lines and the start of the server to a new client', async () => {
    const { monitor, stream } = await start()
    for (let number = 0; number < 400; number++) monitor.logger.info(`line ${number}`)
    const client = await openStream(stream)
    const seen = await client.until(line('requested'))
    expect(messages(seen)).toContain('line 399')
    expect(messages(seen)).not.toContain('line 0')
    expect(seen.filter(ofType('system'))).toMatchObject([{ data: { event: 'server_start' } }])
  })
})

describe('scraping', () => {
  it('runs through the demo sources and lists the proxies that it found', async () => {
    const { origin, stream } = await start()
    const client = await openStream(stream)
    const answer = await fetch(`${origin}/api/scrape`, { method: 'POST' })
    expect(answer.status).toBe(202)
    const { runId } = (await answer.json()) as { runId: string }
    const seen = await client.until(({ type, data }) => type === 'scraping_progress' && data.status === 'completed')
    const progress = seen.filter(ofType('scraping_progress'))
    expect(progress[0]!.data).toMatchObject({ runId, status: 'started', progress: 0 })
    expect(progress.at(-1)!.data).toMatchObject({ progress: 100, proxiesFound: 152 })
    const failures = progress.filter(({ data }) => data.status === 'error')
    expect(failures).toMatchObject([
      { data: { currentSource: `${origin.replace('127.0.0.1', 'localhost')}/demo-sources/broken` } },
    ])
    await client.until(line('Scrape found 152 proxies'))
    const list = (await (await fetch(`${origin}/api/proxies`)).text()).trimEnd().split('\n')
    expect(list).toHaveLength(152)
    expect(list[0]).toBe('192.0.2.1:8080')
  })

  it('answers 409 during a run', async () => {
    const { origin } = await start({ slowSourceMs: 60_000, sourceTimeoutMs: 60_000 })
    const first = await fetch(`${origin}/api/scrape`, { method: 'POST' })
    const { runId } = (await first.json()) as { runId: string }
    const second = await fetch(`${origin}/api/scrape`, { method: 'POST' })
    expect(second.status).toBe(409)
    expect(await second.json()).toEqual({
      error: { code: 'SCRAPE_RUNNING', message: expect.stringContaining('still under way'), runId },
    })
  })

  it('reads the sources that it is given', async () => {
    const page = await serve((_request, response) => void response.end('203.0.113.77:8080'))
    const { origin, stream } = await start({ sources: [page] })
    const client = await openStream(stream)
    await fetch(`${origin}/api/scrape`, { method: 'POST' })
    await client.until(({ data }) => data.status === 'completed')
    expect(await (await fetch(`${origin}/api/proxies`)).text()).toBe('203.0.113.77:8080\n')
  })
})

describe('trouble', () => {
  it('answers, publishes and logs an error that no route caught', async () => {
    const { origin, stream } = await start()
    const client = await openStream(stream)
    const answer = await fetch(`${origin}/api/demo/error`)
    expect(answer.status).toBe(500)
    const body = await answer.text()
    expect(JSON.parse(body)).toEqual({ error: { code: 'INTERNAL', message: expect.any(String) } })
    expect(body).not.toContain('on purpose')
    const seen = await client.until(line('/api/demo/error'))
    expect(seen.filter(({ data }) => data.event === 'server_error')).toMatchObject([
      { data: { message: 'GET /api/demo/error failed: This route throws on purpose' } },
    ])
    expect(seen.at(-1)!.data).toMatchObject({
      level: 'error',
      data: {
        status: 500,
        err: { message: 'This route throws on purpose', stack: expect.stringContaining('demo-routes') },
      },
    })
  })

  it('answers 404 for unknown paths', async () => {
    const { origin, stream } = await start()
    const client = await openStream(stream)
    expect((await fetch(`${origin}/nothing`)).status).toBe(404)
    expect((await client.until(line('/nothing'))).at(-1)!.data).toMatchObject({ level: 'warning' })
  })

  it('measures load that delays the event loop', async () => {
    const { origin, stream } = await start()
    const client = await openStream(stream)
    await client.until(ofType('metrics'))
    await fetch(`${origin}/api/demo/busy`, { method: 'POST' })
    const seen = await client.until(({ data }) => data.event === 'high_load')
    expect(seen.at(-1)!.data.message).toMatch(/^The event loop was held up for \d+ ms$/)
  })
})

it('publishes measured metrics', async () => {
  const { stream } = await start()
  const client = await openStream(stream)
  // Not the first one: it may be about the time before the stream was open.
  const counted = ({ type, data }: Received) => type === 'metrics' && Number(data.deliveriesPerSecond) > 0
  const { connections, rssBytes } = (await client.until(counted)).at(-1)!.data
  expect(connections).toBe(1)
  expect(rssBytes).toBeGreaterThan(10 * 1024 ** 2)
})

it('lets only pages of the given origins read', async () => {
  const { origin } = await start({ corsOrigins: ['http://page.test'] })
  const allowed = async (from: string) => {
    const answer = await fetch(`${origin}/api/proxies`, { headers: { origin: from } })
    return answer.headers.get('access-control-allow-origin')
  }
  expect(await allowed('http://page.test')).toBe('http://page.test')
  expect(await allowed('http://other.test')).toBeNull()
})

it('ends open streams when it closes, and says so', async () => {
  const { monitor, stream } = await start()
  const client = await openStream(stream)
  await client.until(ofType('rivulet:open'))
  await monitor.close()
  expect((await client.until(ofType('rivulet:close'))).at(-1)!.data).toMatchObject({ retry: true })
})
