// Part of the build of @rivulet/core: copies the error codes' pages into it, so that the page an error's message names is
// there wherever the error is. Links to other pages of the docs would lead nowhere: their text stays.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

const from = join(root, 'docs/errors')
const to = join(root, 'packages/core/errors')

rmSync(to, { recursive: true, force: true })
mkdirSync(to)
for (const name of readdirSync(from)) {
  const page = readFileSync(join(from, name), 'utf8')
  const copy = page.replaceAll(/\[([^\]]+)\]\(\.\.\/[^)]*\)/g, '$1').replaceAll(/\]\(\.\/(\w+)\)/g, '](./$1.md)')
  writeFileSync(join(to, name === 'index.md' ? 'README.md' : name), copy)
}
