import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../test-support/root.js'
import { type Block, codeBlocks, compile, makeFolder } from './code-blocks.js'
import { contract } from './docs-sample.js'

/** Code blocks of each published package's README, by the package's folder. */
const blocks = new Map<string, Block[]>()
let folder: string

beforeAll(async () => {
  folder = await makeFolder('package-readmes')
  for (const name of await readdir(join(root, 'packages'))) {
    const read = (file: string) => readFile(join(root, 'packages', name, file), 'utf8')
    const { private: unpublished } = JSON.parse(await read('package.json'))
    if (unpublished) continue
    const readme = await read('README.md')
    blocks.set(
      name,
      codeBlocks(readme).filter(({ language }) => language === 'ts' || language === 'tsx'),
    )
  }
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe("the packages' READMEs", () => {
  it('each show code', () => {
    expect(blocks.size).toBeGreaterThan(0)
    expect([...blocks].filter(([, { length }]) => length === 0)).toEqual([])
  })

  it('compile, every block by itself', async () => {
    await writeFile(join(folder, 'events.ts'), contract)
    for (const [name, list] of blocks) {
      for (const { language, text, line } of list) {
        // Shifted down, so that the compiler's line numbers match the README.
        const file = join(folder, `${name}-readme-${line}.${language}`)
        await writeFile(file, '\n'.repeat(line - 1) + text)
      }
    }
    expect(await compile(folder)).toBe('')
  })
})
