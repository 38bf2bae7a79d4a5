import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { hasChromium, launchChromium } from '../../../../test-support/chromium.js'
import { runEvents } from '../../test/runs.js'
import { listen } from '../../test/stream-client.js'
import { EventManager } from '../event-manager.js'
import { handleRunStream } from '../node.js'
import { RunManager } from './run-manager.js'

/** Serves a run that says 1 and 2, and ends when it is stopped. */
async function start() {
  const manager = new EventManager({ events: runEvents, retryMs: 10 })
  const runs = new RunManager({ manager })
  onTestFinished(async () => {
    await runs.close()
    await manager.close()
  })
  await runs.start('a', {}, async ({ publish, signal }) => {
    for (const text of ['1', '2']) await publish('token', { text })
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
  })
  const statuses: number[] = []
  const server = createServer(async (request, response) => {
    if (request.url !== '/a') return response.setHeader('content-type', 'text/html').end('<title>a run</title>')
    await handleRunStream(runs, request, response, { id: () => 'a', authorize: () => true })
    statuses.push(response.statusCode)
  })
  const url = await listen(server)
  onTestFinished(() => void server.close())
  return { runs, url, statuses }
}

it('ends for curl as a response does', async () => {
  const { runs, url } = await start()
  const reading = promisify(execFile)('curl', ['--silent', '--show-error', '--no-buffer', `${url}/a`])
  await expect.poll(async () => (await runs.get('a'))?.state).toBe('running')
  await runs.stop('a', 'user')
  // Rejects if curl says that the response was cut.
  const { stdout } = await reading
  expect(stdout.match(/(?<=^event: ).*/gm)?.filter((name) => name !== 'rivulet:live')).toEqual([
    'rivulet:open',
    'token',
    'token',
    'rivulet:end',
  ])
})

it.skipIf(!hasChromium)(
  'ends for a native EventSource, which comes back once and is told to stay away',
  async () => {
    const { runs, url, statuses } = await start()
    const browser = await launchChromium()
    onTestFinished(() => browser.close())
    const page = await browser.newPage()
    await page.goto(url)
    const seen = await page.evaluateHandle(() => {
      const source = new EventSource('/a')
      const seen = { source, texts: [] as string[], end: '' }
      source.addEventListener('token', ({ data }) => seen.texts.push(JSON.parse(data).text))
      source.addEventListener('rivulet:end', ({ data }) => {
        seen.end = data
      })
      return seen
    })
    await page.waitForFunction(({ texts }) => texts.length === 2, seen)
    await runs.stop('a', 'user')
    await page.waitForFunction(({ source }) => source.readyState === EventSource.CLOSED, seen)
    expect(await seen.evaluate(({ texts }) => texts)).toEqual(['1', '2'])
    expect(await seen.evaluate(({ end }) => JSON.parse(end))).toEqual({ state: 'stopped', reason: 'user' })
    expect(statuses).toEqual([200, 204])
  },
  30_000,
)
