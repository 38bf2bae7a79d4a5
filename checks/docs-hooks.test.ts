import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ESLint } from 'eslint'
import { expect, it } from 'vitest'
import { root } from '../test-support/root.js'
import { codeBlocks } from './code-blocks.js'

it('every React sample of the docs and READMEs follows the rules of hooks', async () => {
  const pages = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' }).trim().split('\n')
  const eslint = new ESLint({ cwd: root })
  const faults: string[] = []
  let samples = 0
  for (const page of pages) {
    for (const { language, text, line } of codeBlocks(await readFile(join(root, page), 'utf8'))) {
      if (language !== 'tsx') continue
      samples++
      const [result] = await eslint.lintText(text, { filePath: join(root, 'checks/sample.tsx') })
      faults.push(
        ...result!.messages.map((fault) => `${page}:${line + fault.line - 1} ${fault.ruleId}: ${fault.message}`),
      )
    }
  }
  expect(samples).toBeGreaterThan(5)
  expect(faults).toEqual([])
})
