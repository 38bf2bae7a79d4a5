import { spawnSync } from 'node:child_process'
import { npmBinary } from '../../../test-support/npm-binary.js'

/** A Node.js to measure on. */
export interface NodeVersion {
  readonly version: string
  readonly path: string
}

/** Exact version, so that runs are repeatable. */
const node24 = 'node@24.21.0'

/** This Node.js, and version 24 from npm. */
export function nodeVersions(): NodeVersion[] {
  const own = { version: process.version, path: process.execPath }
  if (own.version.startsWith('v24.')) return [own]
  const path = npmBinary(node24, 'node')
  return [own, { version: spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.trim(), path }]
}
