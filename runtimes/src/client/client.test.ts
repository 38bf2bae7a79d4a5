import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launchChromium } from '../../../test-support/chromium.js'
import { binary, nodes } from '../binaries.js'
import type { Report } from './smoke.js'
import { Ticker } from './ticker.js'

const last = 250
let ticker: Ticker

beforeEach(async () => {
  ticker = await new Ticker().start()
})
afterEach(() => ticker.stop())

/** Every event once and in order, through two cuts. */
function expectWhole({ received, statuses, gaps, recovered }: Report): void {
  expect(received).toEqual(Array.from({ length: last }, (_, index) => index + 1))
  expect(gaps).toBe(0)
  expect(recovered).toBe(true)
  const reconnect = ['waiting', 'connecting', 'open']
  expect(statuses).toEqual(['connecting', 'open', ...reconnect, ...reconnect, 'closed'])
  const cursors = ticker.requests
    .filter(({ method }) => method === 'GET')
    .map(({ headers }) => headers['last-event-id'])
  expect(cursors).toEqual([undefined, expect.any(String), expect.any(String)])
}

describe('a program', () => {
  const folder = fileURLToPath(new URL('../../dist', import.meta.url))

  // Imports stay imports, so that each runtime resolves the packages' own files in its own way.
  beforeAll(async () => {
    for (const [format, ending] of [
      ['esm', 'mjs'],
      ['cjs', 'cjs'],
    ] as const) {
      await build({
        ...options('program'),
        packages: 'external',
        platform: 'node',
        format,
        outfile: join(folder, `program.${ending}`),
      })
    }
  })

  it.each<[name: string, program: () => string, args: string[]]>([
    ...nodes.flatMap((node): [string, () => string, string[]][] => [
      [`${node} by import`, () => binary(node), ['program.mjs']],
      [`${node} by require`, () => binary(node), ['program.cjs']],
    ]),
    ['Bun', () => binary('bun'), ['program.mjs']],
    ['Deno', () => binary('deno'), ['run', '--allow-net', 'program.mjs']],
  ])('on %s follows the stream, and ends by itself', async (_, program, args) => {
    const child = spawn(program(), [...args, ticker.url, String(last)], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    expect(code).toBe(0)
    expectWhole(JSON.parse(output))
    await expect.poll(() => ticker.connections).toBe(0)
  })
})

describe('in a browser', () => {
  let browser: Browser
  let page: Page
  let server: Server

  beforeAll(async () => {
    const scripts: Record<string, string> = {}
    for (const name of ['page', 'worker']) {
      const { outputFiles } = await build({ ...options(name), write: false })
      scripts[`/${name}.js`] = outputFiles![0]!.text
    }
    // Another origin than the stream, because of its port.
    server = createServer(({ url = '' }, response) => {
      response.setHeader('content-type', scripts[url] ? 'text/javascript' : 'text/html')
      // Cookies ignore ports: a client that sends credentials sends this one to the stream's server too.
      response.setHeader('set-cookie', 'session=1')
      response.end(scripts[url] ?? '<script src="/page.js"></script>')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    browser = await launchChromium()
  })

  afterAll(async () => {
    await browser?.close()
    server?.close()
  })

  beforeEach(async () => {
    page = await (await browser.newContext()).newPage()
    // Service workers need a secure context, and 127.0.0.1 is one.
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  })
  afterEach(() => page.context().close())

  it.each([
    ['a page', 'followHere'],
    ['a web worker', 'followInWorker'],
    ['a service worker', 'followInServiceWorker'],
  ] as const)('%s follows a stream of another origin, with credentials', async (_, how) => {
    const report = await page.evaluate(([how, url, last]) => window[how](url, last), [how, ticker.url, last] as const)
    expectWhole(report)
    await expect.poll(() => ticker.connections).toBe(0)
    const streams = ticker.requests.filter(({ method }) => method === 'GET')
    expect(streams.map(({ headers }) => headers.cookie)).toEqual(['session=1', 'session=1', 'session=1'])
    const preflights = ticker.requests.filter(({ method }) => method === 'OPTIONS')
    expect(preflights.map(({ headers }) => headers['access-control-request-headers'])).toContain(
      'last-event-id,x-smoke',
    )
  })
})

function options(name: string): BuildOptions & { entryPoints: [string] } {
  const source = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  return { entryPoints: [source], bundle: true, target: 'es2022', logLevel: 'error' }
}
