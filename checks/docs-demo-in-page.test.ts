import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compileScript, parse } from 'vue/compiler-sfc'
import { keptEvents } from '../docs/.vitepress/theme/demo/demo.js'
import { hasChromium, launchChromium } from '../test-support/chromium.js'
import { root } from '../test-support/root.js'

const singleFileComponents: Plugin = {
  name: 'single-file-components',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\.vue$/ }, async ({ path }) => {
      const { descriptor } = parse(await readFile(path, 'utf8'), { filename: path })
      return { contents: compileScript(descriptor, { id: 'demo', inlineTemplate: true }).content, loader: 'ts' }
    })
  },
}

describe.skipIf(!hasChromium)('the demonstration of the home page', () => {
  let browser: Browser
  let page: Page
  const faults: string[] = []

  beforeAll(async () => {
    const { outputFiles } = await build({
      stdin: {
        contents: "import { createApp } from 'vue'\nimport TryIt from './try-it.vue'\ncreateApp(TryIt).mount('#app')\n",
        resolveDir: join(root, 'docs/.vitepress/theme/demo'),
        loader: 'ts',
      },
      plugins: [singleFileComponents],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      conditions: ['@rivulet/source', 'module'],
      loader: { '.css': 'empty' },
      define: {
        'process.env.NODE_ENV': '"production"',
        __VUE_OPTIONS_API__: 'true',
        __VUE_PROD_DEVTOOLS__: 'false',
        __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
      },
    })
    browser = await launchChromium()
    page = await browser.newPage()
    page.on('pageerror', (error) => faults.push(String(error)))
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
    const html = '<!doctype html><div id="app"></div><script type="module" src="/demo.js"></script>'
    await page.route('**/*', (route) => route.fulfill({ contentType: 'text/html', body: html }))
    await page.route('**/demo.js', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: outputFiles[0]!.text }),
    )
    await page.goto('http://localhost/')
    // An order that is published before the page is connected would not reach it.
    await page.locator('.rivulet-indicator--open').waitFor()
  })

  afterAll(() => browser?.close())

  const press = (name: string) => page.getByRole('button', { name }).click()
  const shows = (text: string) => page.getByText(text).waitFor()
  const received = () => page.locator('ol[aria-live] li').allTextContents()
  const texts = async () => (await received()).map((line) => line.trim())

  it('shows orders, resumes after a cut, and shows a gap, without an error in the console', async () => {
    await press('Publish an order')
    await expect.poll(texts).toEqual(['order 1'])

    await press('Cut the connection')
    await press('Publish an order')
    await press('Publish an order')
    expect(await texts()).toEqual(['order 1'])
    await press('Restore the connection')
    await shows('Resumed: nothing was missed.')
    await expect.poll(texts).toEqual(['order 1', 'order 2', 'order 3'])

    await press('Cut the connection')
    for (let count = 0; count < keptEvents + 1; count++) await press('Publish an order')
    await press('Restore the connection')
    await shows('Resumed with a gap, and the page knows where.')
    await expect
      .poll(texts)
      .toEqual([
        ...['order 1', 'order 2', 'order 3', 'gap: some orders are missing here'],
        ...Array.from({ length: keptEvents }, (_, index) => `order ${index + 5}`),
      ])
    expect(faults).toEqual([])
  })
})
