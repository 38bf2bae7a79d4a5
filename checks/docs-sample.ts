import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import { root } from '../test-support/root.js'
import { codeBlocks, makeFolder } from './code-blocks.js'

/** Runs the one block of a docs page that contains these words. Resolves with its output when it has finished. */
export async function runSample(page: string, words: string): Promise<unknown[][]> {
  const blocks = codeBlocks(await readFile(join(root, 'docs', page), 'utf8'))
  const found = blocks.filter(({ language, text }) => language.startsWith('ts') && text.includes(words))
  if (found.length !== 1) throw new Error(`${found.length} blocks of ${page} contain ${JSON.stringify(words)}.`)
  const folder = await makeFolder('sample')
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "jsx": "react-jsx", "target": "es2022" } }')
  await writeFile(join(folder, 'events.ts'), contract)
  for (const { text } of blocks) {
    const name = /^\/\/ ([\w-]+\.tsx?)\n/.exec(text)?.[1]
    if (name) await writeFile(join(folder, name), text)
  }
  const file = join(folder, `sample.${found[0]!.language}`)
  await writeFile(file, found[0]!.text)
  const print = vi.spyOn(console, 'log').mockImplementation(() => {})
  onTestFinished(() => print.mockRestore())
  await import(/* @vite-ignore */ file)
  return print.mock.calls
}

/** Module that the blocks import as `./events.js`. */
export const contract = `
import { defineEvents } from '@rivulet/core'
import { z } from 'zod'

export const events = defineEvents({
  log: z.object({ level: z.enum(['info', 'error']), message: z.string() }),
})
`
