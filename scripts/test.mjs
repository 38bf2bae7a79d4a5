// `npm test` builds, checks all types and runs every test. Arguments go to vitest: `npm test -- decode`.

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled, ensureSystemPackages } from './install.mjs'
import { main, root, run, turbo, vitest } from './run.mjs'

await main(() => {
  ensureInstalled()
  ensureSystemPackages()
  run([...turbo, 'run', 'build', 'typecheck', '--output-logs=errors-only'])

  const folder = join(root, '.tmp')
  const report = join(folder, 'vitest.json')
  mkdirSync(folder, { recursive: true })
  rmSync(report, { force: true })
  const [node, ...args] = [...vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const { status } = spawnSync(node, [...args, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' })

  const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites } = JSON.parse(
    readFileSync(report, 'utf8'),
  )
  // A file that fails to load has no failed test.
  const failed = numFailedTests || (status === 0 ? 0 : numFailedTestSuites || 1)
  const summary = `${numPassedTests} passed, ${failed} failed${numPendingTests ? `, ${numPendingTests} skipped` : ''}`
  writeFileSync(join(folder, 'summary.txt'), `${summary}\n`)
  console.log(summary)
  process.exitCode = status ?? 1
})
