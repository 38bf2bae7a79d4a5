import { execFile, execFileSync } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { decodeStream } from '@rivulet/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from './code-blocks.js'
import { ExampleProcess, freePort } from './example-process.js'

const run = promisify(execFile)

/** How the stream of each example is asked for; the others serve it at `/api/events/stream`. */
const streams: Record<string, { path: string; init: RequestInit }> = {
  hono: {
    path: '/api/imports/1/stream',
    init: { method: 'POST', body: JSON.stringify({ csv: 'email,name,password\nada@example.com,Ada,correct horse' }) },
  },
}

let folder: string
/** The tarball of each published package, by its name. */
const tarballs: Record<string, string> = {}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rivulet-copies-'))
  for (const name of readdirSync(join(root, 'packages'))) {
    const source = join(root, 'packages', name)
    if (JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')).private) continue
    const packed = execFileSync('npm', ['pack', source, '--json', '--silent', `--pack-destination=${folder}`], {
      cwd: folder,
      encoding: 'utf8',
    })
    tarballs[`@rivulet/${name}`] = `file:${join(folder, JSON.parse(packed)[0].filename)}`
  }
}, 60_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

describe.each(readdirSync(join(root, 'examples')))('examples/%s, copied out of the repository', (name) => {
  it('installs, builds and runs', async () => {
    const copy = join(folder, name)
    copyExample(join(root, 'examples', name), copy)
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: copy })
    await run('npm', ['run', 'typecheck'], { cwd: copy })
    await run('npm', ['run', 'build'], { cwd: copy })

    const server = new ExampleProcess(copy, await freePort())
    await server.start()
    try {
      const page = await fetch(server.url)
      expect(page.status).toBe(200)
      expect(await page.text()).toContain('<div id=')
      const { path, init } = streams[name] ?? { path: '/api/events/stream', init: {} }
      const response = await fetch(server.url + path, init)
      for await (const { event } of decodeStream(response.body!)) {
        expect(event).toBe('rivulet:open')
        break
      }
    } finally {
      await server.kill()
    }
  }, 240_000)
})

/** Copies what a user would: the sources, with the packages' versions replaced by their tarballs. */
function copyExample(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (path) => !['node_modules', 'dist'].includes(basename(path)) })
  const file = join(to, 'package.json')
  const manifest = JSON.parse(readFileSync(file, 'utf8'))
  for (const dependency of Object.keys(manifest.dependencies)) {
    manifest.dependencies[dependency] = tarballs[dependency] ?? manifest.dependencies[dependency]
  }
  // What the packages need of each other comes from the same place.
  manifest.overrides = Object.fromEntries(Object.entries(tarballs).filter(([name]) => !(name in manifest.dependencies)))
  writeFileSync(file, JSON.stringify(manifest))
}
