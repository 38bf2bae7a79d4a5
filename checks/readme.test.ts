import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasChromium, launchChromium } from '../test-support/chromium.js'
import { freePort } from '../test-support/free-port.js'
import { root } from '../test-support/root.js'
import { type Block, codeBlocks, compile, makeFolder } from './code-blocks.js'

let readme: string
let blocks: Block[]
/** Folder with the blocks as files. */
let folder: string

beforeAll(async () => {
  readme = await readFile(join(root, 'README.md'), 'utf8')
  blocks = codeBlocks(readme)
  folder = await makeFolder('readme')
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the README', () => {
  it('starts with a short sentence and shows code early', () => {
    const lines = readme.split('\n')
    const sentence = lines[2]!
    expect(sentence.split(' ').length).toBeLessThanOrEqual(20)
    expect(lines.findIndex((line) => line.startsWith('```'))).toBeLessThan(25)
  })

  it('has only blocks that this test compiles and runs', () => {
    expect(blocks.map(({ language }) => language)).toEqual(['tsx', 'ts', 'ts', 'ts'])
  })

  it('installs what its first block imports', () => {
    const install = /^`npm install (.+)`$/m.exec(readme)![1]!.split(' ')
    const imported = Array.from(blocks[0]!.text.matchAll(/ from '([^.'][^']*)'/g), ([, name]) => name)
    expect(install).toEqual(expect.arrayContaining(imported))
  })

  it('compiles, every block, and infers what its comments say', async () => {
    await writeFiles()
    await writeFile(join(folder, 'claims.ts'), claims)
    expect(await compile(folder)).toBe('')
  })

  it.skipIf(!hasChromium)('runs its first block: the page shows the published event', async () => {
    await writeFiles()
    const port = await freePort()
    const server = await load('server.tsx', { 'listen(3000)': `listen(${port})` })
    const page = await bundle('page.tsx', 'browser')
    const browser = await launchChromium()
    try {
      const tab = await browser.newPage()
      const html = '<!doctype html><div id="root"></div><script type="module" src="/page.js"></script>'
      await tab.route('**/', (route) => route.fulfill({ contentType: 'text/html', body: html }))
      await tab.route('**/page.js', (route) => route.fulfill({ contentType: 'text/javascript', body: page }))
      await tab.goto(`http://localhost:${port}/`)
      await tab.getByRole('listitem').filter({ hasText: 'It runs.' }).waitFor()
    } finally {
      await browser.close()
      await server.manager.close()
    }
  })

  it('publishes as it says', async () => {
    await writeFiles()
    const { id, manager } = await load('publish.ts')
    expect(id).toMatch(/^[0-9a-z]+$/)
    expect(manager.stats().published).toBe(3)
    await manager.close()
  })

  it('authorizes and receives as it says', async () => {
    await writeFiles()
    const port = await freePort()
    const { app, manager } = await load('admit.ts')
    const listening = app.listen(port)
    expect((await fetch(`http://localhost:${port}/events`)).status).toBe(401)
    const receiving = load('receive.ts', { 'localhost:3000': `localhost:${port}` })
    // The block waits for an error line, which is published once the stream is connected.
    await expect.poll(() => manager.connections.size).toBe(1)
    await manager.publish('log', { level: 'error', message: 'Disk full' }, { channel: 'user:ada' })
    const { stream } = await receiving
    expect(stream.status).toBe('closed')
    await manager.close()
    listening.close()
  })
})

/** Writes each block to a file. As a reader would, splits the first block at the comments that name files. */
async function writeFiles(): Promise<void> {
  const [first, publish, admit, receive] = blocks.map(({ text }) => text) as [string, string, string, string]
  const [, contract, server, app] = first.split(/^\/\/ (?:events|server|app)\.tsx?.*$/m)
  const files = {
    'events.ts': contract,
    'server.tsx': `${server}\nexport { manager }\n`,
    'app.tsx': app,
    'page.tsx':
      "import { createRoot } from 'react-dom/client'\nimport { App } from './app.js'\ncreateRoot(document.getElementById('root')!).render(<App />)\n",
    'publish.ts': `${publish}\nexport { id, manager }\n`,
    'admit.ts': `${admit}\nexport { app, manager }\n`,
    'receive.ts': `${receive}\nexport { stream }\n`,
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text as string)
}

const claims = `
import { useServerEvents } from '@rivulet/react'
import { events } from './events.js'

type Line = ReturnType<typeof useServerEvents<typeof events.log>>['events'][number]
const level: 'info' | 'error' = {} as Line['level']
const message: string = {} as Line['message']
const id: string | undefined = {} as Line['id']
// @ts-expect-error: not every level is 'info'
const info: 'info' = {} as Line['level']
export { id, info, level, message }
`

async function bundle(
  name: string,
  platform: 'browser' | 'node',
  replacements: Record<string, string> = {},
): Promise<string> {
  const path = join(folder, name)
  let source = await readFile(path, 'utf8')
  for (const [from, to] of Object.entries(replacements)) {
    if (!source.includes(from)) throw new Error(`${name} no longer has ${from}`)
    source = source.replace(from, to)
  }
  const { outputFiles } = await build({
    stdin: { contents: source, sourcefile: path, resolveDir: folder, loader: name.endsWith('x') ? 'tsx' : 'ts' },
    bundle: true,
    write: false,
    format: 'esm',
    platform,
    jsx: 'automatic',
    conditions: ['@rivulet/source'],
    external: platform === 'node' ? ['express'] : [],
  })
  return outputFiles[0]!.text
}

// biome-ignore lint/suspicious/noExplicitAny: what a block of the README exports
async function load(name: string, replacements?: Record<string, string>): Promise<any> {
  const file = join(folder, `${name}.mjs`)
  await writeFile(file, await bundle(name, 'node', replacements))
  return import(/* @vite-ignore */ pathToFileURL(file).href)
}
