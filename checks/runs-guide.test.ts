import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../test-support/root.js'
import { namedTests } from './named-tests.js'

const page = readFileSync(join(root, 'docs/guide/runs.md'), 'utf8')

it('the guide to runs names tests that exist', () => {
  const { count, missing } = namedTests(page)
  expect(count).toBeGreaterThan(20)
  expect(missing).toEqual([])
})

it.each(['## When something fails', '## What it replaces'])('each row of a table has its test: %s', (title) => {
  const [, section] = page.split(`\n${title}\n`)
  const table = section!
    .trim()
    .split('\n\n')
    .find((block) => block.startsWith('|'))
  const [, , ...rows] = table!.split('\n')
  expect(rows.length).toBeGreaterThan(8)
  for (const row of rows) expect(namedTests(row).count, row).toBeGreaterThan(0)
})

it('the guide to runs names tests of the suites that exist', () => {
  const suite = readFileSync(join(root, 'packages/testing/src/run-checks.ts'), 'utf8')
  const named = Array.from(page.matchAll(/`([^`]+)` of the conformance suite/g), ([, name]) => name!)
  expect(named.length).toBeGreaterThan(1)
  for (const name of named) expect(suite).toContain(`'${name}'`)
})
