import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './run.mjs'

/** Installs the dependencies, unless everything in package-lock.json is installed already. */
export function ensureInstalled() {
  const major = Number(process.versions.node.split('.')[0])
  if (major < 20) throw new Error(`Rivulet needs Node.js 20 or newer; this is ${process.version}.`)
  if (missingPackages().length === 0) return
  console.log('Installing dependencies (npm ci) …')
  // npm tells its scripts its own path; elsewhere it is on the PATH.
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm']
  run([...npm, 'ci', '--no-audit', '--no-fund', '--loglevel=error'])
  // Otherwise every command would install again, also in the middle of a test run.
  const stale = missingPackages()
  if (stale.length > 0) {
    throw new Error(`npm did not install ${stale.join(', ')}. Run \`npm install\` and commit package-lock.json.`)
  }
}

/** Compares the lockfile with the one that npm writes into node_modules for installed packages. */
function missingPackages() {
  const wanted = readPackages(join(root, 'package-lock.json'))
  const installedFile = join(root, 'node_modules/.package-lock.json')
  const installed = existsSync(installedFile) ? readPackages(installedFile) : {}
  return Object.keys(wanted).filter((path) => {
    const { version, optional, devOptional, peer } = wanted[path]
    if (!path.includes('node_modules/')) return !existsSync(join(root, path))
    const found = installed[path]
    return !(found ? found.version === version : optional || devOptional || peer)
  })
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages
}

/** Commands and files that some tests need, with the Debian packages that bring them. */
const systemPackages = [
  { command: 'chromium', debian: 'chromium', tests: 'the tests in a real browser' },
  { command: 'firefox-esr', debian: 'firefox-esr', tests: 'the tests in Firefox' },
  { command: 'WebKitWebDriver', debian: 'webkit2gtk-driver', tests: 'the tests in WebKit' },
  { command: 'Xvfb', debian: 'xvfb', tests: 'the tests in WebKit, which needs a screen' },
  { command: 'redis-server', debian: 'redis-server', tests: 'the tests on a real Redis' },
  { command: 'postgres', debian: 'postgresql', tests: 'the tests on a real PostgreSQL' },
  { command: 'nginx', debian: 'nginx-light', tests: 'the tests behind nginx' },
  // It has the widths of Arial. Other fonts in its place differ between versions of browsers.
  {
    file: '/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf',
    debian: 'fonts-liberation',
    tests: 'the tests of widths',
  },
]

/**
 * Installs missing commands that tests need, where possible (root on Debian). Elsewhere warns about the
 * tests that will be skipped, or fails if `CI` is set, where no test may be skipped silently.
 */
export function ensureSystemPackages() {
  let missing = systemPackages.filter(isMissing)
  if (missing.length === 0) return
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log(`Installing ${missing.map(({ debian }) => debian).join(', ')} (apt-get) …`)
    const apt = (...args) =>
      spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env: aptEnv })
    apt('update')
    apt('install', '-y', '--no-install-recommends', ...missing.map(({ debian }) => debian))
    missing = missing.filter(isMissing)
  }
  for (const { command, file, debian, tests } of missing) {
    console.warn(
      `\n!!! SKIPPED: ${tests}. They need "${command ?? file}": install it, on Debian with: apt-get install ${debian}\n`,
    )
  }
  if (missing.length > 0 && process.env.CI)
    throw new Error('With CI set, no test may be skipped: install the packages above.')
}

const aptEnv = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }

// Debian keeps each version of PostgreSQL in a folder of its own, outside the PATH.
const postgres = '/usr/lib/postgresql'

function isMissing({ command, file }) {
  // Other systems have Arial itself.
  if (file) return process.platform === 'linux' && !existsSync(file)
  const versions = command === 'postgres' && existsSync(postgres) ? readdirSync(postgres) : []
  const folders = [
    '/usr/bin',
    '/usr/sbin',
    '/usr/local/bin',
    ...versions.map((version) => join(postgres, version, 'bin')),
  ]
  return !folders.some((folder) => existsSync(join(folder, command)))
}
