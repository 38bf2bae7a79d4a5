import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../test-support/root.js'

// Each example has a copy of the look, because users copy its folder alone and install published packages only.

const examples = readdirSync(join(root, 'examples'))
const lookOf = (example: string) => join(root, 'examples', example, 'web/look')
const read = (path: string) => readFileSync(path, 'utf8')
const model = 'monitor'

it.each(examples)('examples/%s has the look of the others', (example) => {
  expect(readdirSync(lookOf(example))).toEqual(expect.arrayContaining(['logo.svg', 'look.css', 'theme.ts']))
  for (const file of readdirSync(lookOf(example))) {
    const original = join(lookOf(model), file)
    // The header of Vue's example is the only one.
    if (!existsSync(original)) continue
    const fix = `cp examples/${model}/web/look/${file} examples/${example}/web/look/`
    expect(read(join(lookOf(example), file)) === read(original), fix).toBe(true)
  }
})

it('is the logo of the docs', () => {
  expect(read(join(lookOf(model), 'logo.svg'))).toBe(read(join(root, 'docs/public/favicon.svg')))
})

it.each(examples)('examples/%s applies a chosen theme before its first paint', (example) => {
  const head = (name: string) =>
    /<link rel="icon".*<\/head>/s.exec(read(join(root, 'examples', name, 'web/index.html')))?.[0]
  expect(head(example)).toContain("localStorage.getItem('theme')")
  expect(head(example)).toBe(head(model))
})
