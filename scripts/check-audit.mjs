// `npm run check:audit` asks the registry for known vulnerabilities in everything that users install: all published packages
// with their dependencies and peer dependencies, in a fresh project. `npm run check:audit -- <folder>` audits that folder.
//
// A mirror may have no audit service. Then the script says that nothing was checked; with `--required` it
// fails.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { main, root, run, turbo } from './run.mjs'

const args = process.argv.slice(2)

await main(() => {
  const given = args.find((arg) => !arg.startsWith('--'))
  const folder = given ?? mkdtempSync(join(tmpdir(), 'rivulet-audit-'))
  try {
    if (!given) makeProject(folder)
    audit(folder)
  } finally {
    if (!given) rmSync(folder, { recursive: true, force: true })
  }
})

function makeProject(folder) {
  run([...turbo, 'run', 'build', '--filter=./packages/*', '--output-logs=errors-only'])
  const sources = readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name))
    .filter((source) => !JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')).private)
  const packed = JSON.parse(npm(folder, 'pack', ...sources, '--json', '--silent').stdout)
  const dependencies = Object.fromEntries(packed.map(({ name, filename }) => [name, `file:./${filename}`]))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
  const { status, stderr } = npm(folder, 'install', '--package-lock-only', '--ignore-scripts', '--no-audit')
  if (status !== 0) throw new Error(`npm cannot install the packages:\n${stderr}`)
}

function audit(folder) {
  const { stdout, stderr } = npm(folder, 'audit', '--omit=dev', '--json')
  const answer = JSON.parse(stdout || '{}')
  if (answer.metadata) {
    const { vulnerabilities, dependencies } = answer.metadata
    if (vulnerabilities.total === 0)
      return console.log(`No known vulnerability (packages looked up: ${dependencies.total}).`)
    throw new Error(npm(folder, 'audit', '--omit=dev').stdout)
  }
  if (![404, 405].includes(answer.statusCode)) throw new Error(`npm audit failed:\n${stderr}`)
  const message = `NOTHING WAS CHECKED: this registry has no audit service (it answered ${answer.statusCode}).`
  if (args.includes('--required')) throw new Error(message)
  console.warn(message)
}

function npm(cwd, ...args) {
  return spawnSync('npm', args, { cwd, encoding: 'utf8', shell: process.platform === 'win32' })
}
