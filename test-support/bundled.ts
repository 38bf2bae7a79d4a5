import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const bundling = new Map<string, Promise<string>>()

/**
 * Returns a program as one file of plain JavaScript, made once per test file. It starts at once, where a loader would compile
 * it each time.
 */
export function bundled(program: URL): Promise<string> {
  let file = bundling.get(program.href)
  if (!file) {
    file = bundle(program)
    bundling.set(program.href, file)
  }
  return file
}

async function bundle(program: URL): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'rivulet-node-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const outfile = join(folder, 'node.cjs')
  const entryPoints = [fileURLToPath(program)]
  await build({ entryPoints, outfile, bundle: true, platform: 'node', conditions: ['@rivulet/source'] })
  return outfile
}
