import { execFile } from 'node:child_process'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { root } from '../test-support/root.js'

// Tests of the built packages: bundlers choose one of their builds by the conditions of `exports`.

const packages = ['core', 'client', 'react', 'vue']

/** Sentences that belong to a value or an issue of an error, so they are in every build. */
const facts = [
  'the schema returned neither a value nor issues',
  'the data is not a JSON object',
  'a stream that was already sent',
  'an event of two contracts',
]

/** An application that uses everything. */
const application = `
  export * from '@rivulet/core'
  export * from '@rivulet/client'
  export * from '@rivulet/client/binding'
  export * from '@rivulet/client/core'
  export * from '@rivulet/client/query'
  export * from '@rivulet/client/store'
  export * as react from '@rivulet/react'
  export * as vue from '@rivulet/vue'`

async function bundle(format: 'esm' | 'cjs', conditions: string[] = [], contents = application) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: join(root, 'checks') },
    bundle: true,
    // Comments may contain sentences too.
    minifyWhitespace: true,
    format,
    platform: 'browser',
    target: 'es2022',
    conditions,
    external: ['react', 'react-dom', 'vue', '@tanstack/query-core'],
    metafile: true,
    write: false,
    logLevel: 'error',
  })
  const inputs = Object.keys(metafile.inputs).map((path) => relative(root, join(process.cwd(), path)))
  const ours = inputs.filter((path) => packages.some((name) => path.startsWith(join('packages', name, 'dist'))))
  return { code: outputFiles[0]!.text, ours }
}

const isProduction = (path: string) => path.includes(join('dist', 'production'))

/** The texts of a program, other than names and codes. */
function sentences(code: string): string[] {
  const texts = [...code.matchAll(/(["'`])([^"'`\n;={}]*?(?: [a-z]+){3}[^"'`\n]*)\1/g)].map(
    ([, , text]) => text as string,
  )
  return texts.filter((text) => !facts.includes(text))
}

describe('a bundle for production', () => {
  it.each(['esm', 'cjs'] as const)('has no texts of errors, as %s', async (format) => {
    const { code, ours } = await bundle(format)
    expect(ours.length).toBeGreaterThan(packages.length)
    expect(ours.filter((path) => !isProduction(path))).toEqual([])
    expect(sentences(code)).toEqual([])
  })

  it('keeps the class, the code, the facts and the address of the page', async () => {
    const { code } = await bundle('esm', [], `export * from '@rivulet/client'`)
    const { ConfigurationError, EventStreamService } = await import(`data:text/javascript,${encodeURIComponent(code)}`)
    const error = await thrown(() => new EventStreamService({ url: '/events', retry: { maxMs: Number.NaN } }))
    expect(error).toBeInstanceOf(ConfigurationError)
    expect(error).toMatchObject({
      name: 'ConfigurationError',
      code: 'RIVULET_CONFIGURATION',
      option: 'retry.maxMs',
      value: Number.NaN,
      message: expect.stringMatching(/^\[RIVULET_CONFIGURATION\] See https:\/\/\S+\/RIVULET_CONFIGURATION\.md$/),
    })
  })
})

it('a bundle for development has the texts, and one build of each package', async () => {
  const { code, ours } = await bundle('esm', ['development'])
  expect(ours.filter(isProduction)).toEqual([])
  expect(sentences(code).length).toBeGreaterThan(30)
})

it.each([
  ['import', `const { EventStreamService } = await import('@rivulet/client')`],
  [
    'require',
    `const { EventStreamService } = (await import('node:module')).createRequire(process.cwd() + '/')('@rivulet/client')`,
  ],
])('Node.js gets the texts by %s', async (_, load) => {
  const program = `${load}\ntry { new EventStreamService({ url: '/events', fetch: 1 }) } catch ({ message }) { console.log(message) }`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: join(root, 'checks'),
  })
  expect(stdout).toMatch(/^The option "fetch" cannot be 1\. Pass a function\. See https:/)
})

async function thrown(action: () => unknown): Promise<unknown> {
  try {
    return await action()
  } catch (error) {
    return error
  }
}
