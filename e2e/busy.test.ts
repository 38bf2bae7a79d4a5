import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { hasChromium, launchChromium } from '../test-support/chromium.js'

const events = defineEvents({ log: z.object({ message: z.string() }) })

/** A server that refuses a number of requests for streams, and serves a page for everything else. */
async function start(refuseBusyWith: 'status' | 'stream', refusals: number) {
  const manager = new EventManager({ events, retryMs: 100 })
  const authorize = () => (refusals-- > 0 ? { status: 429 } : true)
  const server = createServer((request, response) => {
    if (request.url === '/events') {
      void handleEventStream(manager, request, response, { authorize, refuseBusyWith, replay: 'latest' })
    } else response.setHeader('Content-Type', 'text/html').end('<!doctype html>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    await manager.close()
    server.close()
  })
  await manager.publish('log', { message: 'hello' })
  return { manager, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

it.skipIf(!hasChromium)(
  'a native EventSource reconnects after a refusal as a stream, and never after one as a status',
  async () => {
    const browser = await launchChromium()
    onTestFinished(() => browser.close())
    const page = await browser.newPage()
    const outcome = (url: string) =>
      page.goto(url).then(() =>
        page.evaluate(
          () =>
            new Promise<string>((resolve) => {
              const source = new EventSource('/events')
              source.addEventListener('log', ({ data }) => resolve(JSON.parse(data).message))
              source.addEventListener('error', () => {
                if (source.readyState === EventSource.CLOSED) resolve('given up')
              })
            }),
        ),
      )
    expect(await outcome((await start('status', 1)).url)).toBe('given up')
    const { url, manager } = await start('stream', 3)
    expect(await outcome(url)).toBe('hello')
    expect(manager.stats()).toMatchObject({ refused: 3, opened: 1 })
  },
)

it.each(['status', 'stream'] as const)('Rivulet’s own client reconnects after either: %s', async (refuseBusyWith) => {
  const { url, manager } = await start(refuseBusyWith, 1)
  const stream = new EventStreamService({ url: `${url}events`, events })
  onTestFinished(() => stream.close())
  for await (const { message } of stream.events('log')) {
    expect(message).toBe('hello')
    break
  }
  expect(manager.stats()).toMatchObject({ refused: 1, opened: 1 })
})
