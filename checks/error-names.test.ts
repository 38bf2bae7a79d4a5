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

const packages = readdirSync(join(root, 'packages')).filter((name) =>
  /\b\w+Error\b/.test(readFileSync(join(root, 'packages', name, 'src', 'index.ts'), 'utf8')),
)

// Bundlers rename a class that refers to itself; minifiers rename every class.
describe.each([{ minify: false }, { minify: true }])('in a bundle, minified: $minify', ({ minify }) => {
  it.each(packages)('errors of %s are named as they are exported', async (name) => {
    const outfile = join(out, `${name}-${minify}.mjs`)
    const contents = `export * from './packages/${name}/src/index.ts'\nexport { RivuletError as Base } from './packages/core/src/index.ts'`
    await build({
      stdin: { contents, resolveDir: root },
      outfile,
      minify,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'es2022',
      conditions: ['@rivulet/source'],
      external: ['react', 'vue'],
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
