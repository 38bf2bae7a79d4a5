import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'

/** A Node.js to measure on. */
export interface NodeVersion {
  readonly version: string
  readonly path: string
}

/** The exact version, so that a run can be repeated. */
const node24 = 'node@24.21.0'

/**
 * This Node.js, and the 24 of npm. That one is no dependency of the workspace: npm would link its binary where every
 * script of the repo finds it before the true one. npm keeps it in its cache after the first time.
 */
export function nodeVersions(): NodeVersion[] {
  const own = { version: process.version, path: process.execPath }
  if (own.version.startsWith('v24.')) return [own]
  const { stdout } = spawnSync('npm', ['exec', '--yes', `--package=${node24}`, '-c', 'node --print process.execPath'], {
    // Outside of the workspace, which npm would look into otherwise.
    cwd: tmpdir(),
    encoding: 'utf8',
    env: environmentWithoutNpm(),
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  })
  const path = stdout?.trim().split('\n').at(-1) ?? ''
  const version = spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? ''
  if (version.startsWith('v24.')) return [own, { version, path }]
  console.warn(`!!! SKIPPED: Node.js 24. npm could not bring ${node24}.`)
  return [own]
}

/** Under `npm run`, npm hands its settings on to an npm inside; among them where the workspace is. */
function environmentWithoutNpm(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)))
}
