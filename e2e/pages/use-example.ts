import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { launchChromium } from '../../test-support/chromium.js'
import { ExampleProcess, exampleFolder } from '../../test-support/example-process.js'
import { freePort } from '../../test-support/free-port.js'

export interface Example {
  readonly server: ExampleProcess
  readonly page: Page
}

/** Serves an example and opens it in a browser, for each test of a `describe`. Fails a test that leaves an error in its page. */
export function useExample(name: string): Example {
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let server: ExampleProcess
  let failures: string[]

  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  beforeEach(async () => {
    server = new ExampleProcess(exampleFolder(name), await freePort())
    await server.start()
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    page = await context.newPage()
    failures = []
    page.on('pageerror', (error) => failures.push(String(error)))
    await page.goto(server.url)
  })

  afterEach(async () => {
    await context.close()
    await server.stop()
    expect(failures).toEqual([])
  })

  return {
    get server() {
      return server
    },
    get page() {
      return page
    },
  }
}
