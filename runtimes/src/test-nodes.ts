import { spawnSync } from 'node:child_process'
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { binary, nodes } from './binaries.js'

// `npm run test:nodes` runs every test on each Node.js, one after the other. Arguments go to vitest.

const root = fileURLToPath(new URL('../..', import.meta.url))
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))

const results = nodes.map((node) => {
  const path = binary(node)
  const version = spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.trim()
  console.log(`\n=== Node.js ${version}`)
  const { status } = spawnSync(path, [vitest, 'run', '--reporter=dot', ...process.argv.slice(2)], {
    cwd: root,
    stdio: 'inherit',
    // For programs that tests start by name. npm is a script for whichever `node` comes first.
    env: { ...process.env, PATH: `${dirname(path)}${delimiter}${process.env.PATH}` },
  })
  return { version, passed: status === 0 }
})

console.log()
for (const { version, passed } of results) console.log(`Node.js ${version}: ${passed ? 'passed' : 'FAILED'}`)
if (results.some(({ passed }) => !passed)) process.exitCode = 1
