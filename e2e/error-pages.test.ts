import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from './code-blocks.js'
import { pack } from './pack-packages.js'

/** An application's folder, with `@rivulet/core` as npm would put it there. */
const folder = mkdtempSync(join(tmpdir(), 'rivulet-errors-'))
const core = join(folder, 'node_modules/@rivulet/core')

beforeAll(() => {
  mkdirSync(core, { recursive: true })
  const tarball = pack(join(root, 'packages/core'), folder)
  execFileSync('tar', ['-xzf', tarball, '-C', core, '--strip-components=1'])
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('@rivulet/core, installed', () => {
  it('has the page of every code, and leads nowhere else', () => {
    const pages = readdirSync(join(core, 'errors'))
    const documented = readdirSync(join(root, 'docs/errors')).filter((name) => name !== 'index.md')
    expect(documented.length).toBeGreaterThan(10)
    expect(pages.sort()).toEqual([...documented, 'README.md'].sort())
    for (const name of pages) {
      const links = readFileSync(join(core, 'errors', name), 'utf8').matchAll(/\]\((?!https:)([^)]+)\)/g)
      for (const [, target] of links)
        expect(existsSync(join(core, 'errors', target!)), `${name} → ${target}`).toBe(true)
    }
  })

  it('throws errors whose message names a page that is there', async () => {
    const { defineEvents, EventValidationError } = await import(
      /* @vite-ignore */ pathToFileURL(join(core, 'dist/index.js')).href
    )
    const schema = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } }
    let thrown: unknown
    try {
      defineEvents({ 'rivulet:open': schema })
    } catch (error) {
      thrown = error
    }
    for (const error of [thrown, new EventValidationError('log', [{ path: [], message: 'Required' }])]) {
      const { code, message } = error as Error & { code: string }
      const [, page] = / See (\S+)$/.exec(message)!
      expect(readFileSync(join(folder, 'node_modules', page!), 'utf8')).toMatch(`# ${code}\n`)
    }
  })
})
