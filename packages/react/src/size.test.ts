// @vitest-environment node
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, it } from 'vitest'

/** The bytes of these exports as an application would ship them, React itself left out. */
async function shippedBytes(exports: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: exports, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    conditions: ['@rivulet/source'],
    external: ['react', 'react/jsx-runtime'],
  })
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length
}

// A guard against growth, at what it is now. The budget is 2,000, which is not met.
it('adds no more to the client, minified and compressed, than it is known to', async () => {
  const client = "export * from '@rivulet/client'"
  const added = (await shippedBytes(`${client}; export * from './index.js'`)) - (await shippedBytes(client))
  expect(added).toBeGreaterThan(1_000)
  expect(added).toBeLessThanOrEqual(2_800)
})
