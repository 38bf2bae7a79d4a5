import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject } from 'vitest'
import { launchChromium } from '../../test-support/chromium.js'
import { freePort } from '../../test-support/free-port.js'
import { TcpProxy } from '../../test-support/tcp-proxy.js'
import { ServerProcess } from '../five-minutes/server-process.js'

export interface Application {
  readonly server: ServerProcess
  /** The connections of all devices. */
  readonly network: TcpProxy
  /** Opens the application's page in a browser profile of its own. A test fails if a page of it has an error. */
  open(): Promise<Page>
  /** Sends JSON as a user would, past the network. */
  post(path: string, user: string, body: unknown): Promise<Response>
}

/** Starts an installed application for each test of a `describe`. */
export function useApplication(name: string): Application {
  let browser: Browser
  let server: ServerProcess
  let network: TcpProxy
  let origin: string
  let data: string
  let failures: string[]

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  beforeEach(async () => {
    const port = await freePort()
    origin = `http://localhost:${port}`
    data = await mkdtemp(join(tmpdir(), 'rivulet-application-'))
    const env = { ...process.env, PORT: String(port), DATA_DIR: data }
    server = new ServerProcess('npm start', join(inject('applications'), name), env, origin)
    await server.start()
    network = await TcpProxy.start(port)
    failures = []
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
    network.dispose()
    await server.stop()
    await rm(data, { recursive: true, force: true })
    expect(failures).toEqual([])
  })

  return {
    get server() {
      return server
    },
    get network() {
      return network
    },
    async open() {
      const page = await (await browser.newContext()).newPage()
      page.on('pageerror', (error) => failures.push(String(error)))
      await page.goto(`http://localhost:${network.port}`)
      return page
    },
    async post(path, user, body) {
      const headers = { 'content-type': 'application/json', cookie: `user=${user}` }
      const response = await fetch(origin + path, { method: 'POST', headers, body: JSON.stringify(body) })
      expect(response.ok).toBe(true)
      return response
    },
  }
}
