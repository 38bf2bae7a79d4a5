import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

let bundling: Promise<string> | undefined

/** The node's program in one file, made once per test file: it starts at once, where a loader would compile each time. */
export function nodeProgram(): Promise<string> {
  bundling ??= bundle()
  return bundling
}

async function bundle(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'rivulet-node-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const outfile = join(folder, 'node.cjs')
  const entryPoints = [fileURLToPath(new URL('node-process.ts', import.meta.url))]
  await build({ entryPoints, outfile, bundle: true, platform: 'node', conditions: ['@rivulet/source'] })
  return outfile
}
