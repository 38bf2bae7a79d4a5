import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { afterAll, describe, expect, it } from 'vitest'
import { root } from '../test-support/root.js'

type Exports = Record<string, unknown>
type ErrorClass = (new (...facts: never[]) => Error) & { code?: string }

const out = mkdtempSync(join(root, 'checks', '.error-names-'))
afterAll(() => rmSync(out, { recursive: true, force: true }))

/** The sources of the entries that export errors. */
const entries = readdirSync(join(root, 'packages')).flatMap((name) => {
  const { exports } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'))
  const sources = Object.values<{ '@rivulet/source'?: string }>(exports).map((entry) => entry['@rivulet/source'])
  return sources
    .filter((source) => source !== undefined)
    .map((source) => join('packages', name, source))
    .filter((source) => /export (?:class \w+Error\b|\{[^}]*\w+Error\b)/.test(readFileSync(join(root, source), 'utf8')))
})

// Bundlers rename a class that refers to itself; minifiers rename every class.
describe.each([{ minify: false }, { minify: true }])('in a bundle, minified: $minify', ({ minify }) => {
  it.each(entries)('errors of %s are named as they are exported', async (entry) => {
    const outfile = join(out, `${entry.replaceAll('/', '-')}-${minify}.mjs`)
    const contents = `export * from './${entry}'\nexport { RivuletError as Base } from './packages/core/src/index.ts'`
    await build({
      stdin: { contents, resolveDir: root },
      outfile,
      minify,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'es2022',
      conditions: ['@rivulet/source'],
      external: ['react', 'vue', 'ai', '@tanstack/ai'],
      logLevel: 'error',
    })
    const { Base, ...exports }: Exports = await import(pathToFileURL(outfile).href)
    const classes = Object.entries(exports).filter(([, value]) => isErrorClass(value))
    expect(classes.length).toBeGreaterThan(0)
    for (const [exportedAs, value] of classes) {
      const error: Error = Reflect.construct(Base as ErrorClass, ['CODE', 'message'], value as ErrorClass)
      expect(error).toMatchObject({ name: exportedAs, message: 'message' })
      expect(error.stack).toMatch(`${exportedAs}: message`)
    }
  })
})

function isErrorClass(value: unknown): boolean {
  return typeof value === 'function' && value.prototype instanceof Error
}
