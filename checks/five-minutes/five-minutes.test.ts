import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeStream } from '@rivulet/core'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { hasChromium, launchChromium } from '../../test-support/chromium.js'
import { packPackages } from '../pack-packages.js'
import { Reader } from './reader.js'
import type { ServerProcess } from './server-process.js'

let folder: string
let tarballs: Record<string, string>
let browser: Browser

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rivulet-start-'))
  tarballs = packPackages(folder)
  if (hasChromium) browser = await launchChromium()
}, 60_000)

afterAll(async () => {
  await browser?.close()
  await rm(folder, { recursive: true, force: true })
})

describe.skipIf(!hasChromium)('a reader who follows docs/start from an empty folder', { timeout: 300_000 }, () => {
  it('gets from Express to React', async () => {
    const reader = await createReader('express')
    const { address, server } = await reader.follow('express')
    await expectLivePage(address, server)
  })

  it('gets from Koa to Vue', async () => {
    const reader = await createReader('koa')
    const { address, server } = await reader.follow('koa')
    await expectStream(address)
    const page = await reader.follow('vue')
    await expectLivePage(page.address, server)
  })

  it('gets from Hono to React', async () => {
    const reader = await createReader('hono')
    const { address, server } = await reader.follow('web')
    await expectStream(address)
    const page = await reader.follow('react')
    await expectLivePage(page.address, server)
  })
})

async function createReader(name: string): Promise<Reader> {
  await mkdir(join(folder, name))
  return new Reader(join(folder, name), tarballs)
}

/** Expects the server's own events at the address. */
async function expectStream(address: string): Promise<void> {
  const response = await fetch(address)
  for await (const { event, data } of decodeStream(response.body!)) {
    if (event !== 'log') continue
    expect(JSON.parse(data)).toMatchObject({ level: 'info', message: 'Line 1' })
    return
  }
  expect.unreachable('The stream ended.')
}

/** Expects a page that shows events as they arrive, reports a stopped server, and continues when it is back. */
async function expectLivePage(address: string, server: ServerProcess): Promise<void> {
  const page = await browser.newPage()
  onTestFinished(() => page.close())
  const failures: unknown[] = []
  page.on('pageerror', (error) => failures.push(error))
  await page.goto(address)
  const lines = page.getByRole('listitem')
  const text = await lines.last().textContent()
  const [, number] = /Line (\d+)$/.exec(text!)!
  await lines.filter({ hasText: new RegExp(`Line ${Number(number) + 2}$`) }).waitFor()

  await server.stop()
  await page.locator('.rivulet-indicator--waiting').waitFor()
  const before = await lines.count()
  await server.start()
  await expect.poll(() => lines.count(), { timeout: 30_000 }).toBeGreaterThan(before)
  expect(failures).toEqual([])
}
