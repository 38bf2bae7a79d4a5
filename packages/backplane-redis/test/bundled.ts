import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const bundling = new Map<string, Promise<string>>()

/** A program of this folder in one file, made once per test file: it starts at once, where a loader would compile each time. */
export function bundled(program: string): Promise<string> {
  let file = bundling.get(program)
  if (!file) {
    file = bundle(program)
    bundling.set(program, file)
  }
  return file
}

async function bundle(program: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'rivulet-node-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const outfile = join(folder, 'node.cjs')
  const entryPoints = [fileURLToPath(new URL(program, import.meta.url))]
  await build({ entryPoints, outfile, bundle: true, platform: 'node', conditions: ['@rivulet/source'] })
  return outfile
}
