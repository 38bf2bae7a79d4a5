import { spawnSync } from 'node:child_process'
import { npmBinary } from '../../test-support/npm-binary.js'

/** A Node.js to measure on. */
export interface NodeVersion {
  readonly version: string
  readonly path: string
}

/** Exact versions, so that runs are repeatable. */
const packages = { 20: 'node@20.20.2', 22: 'node@22.23.3', 24: 'node@24.21.0', 26: 'node@26.10.0' } as const

/** This Node.js, and those of other major versions from npm. */
export function nodeVersions(...majors: (keyof typeof packages)[]): NodeVersion[] {
  const own = { version: process.version, path: process.execPath }
  const others = majors.filter((major) => !own.version.startsWith(`v${major}.`))
  return [
    own,
    ...others.map((major) => {
      const path = npmBinary(packages[major], 'node')
      return { version: spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.trim(), path }
    }),
  ]
}
