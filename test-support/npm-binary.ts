import { spawnSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'

/**
 * Returns the path of a program in an npm package of exactly this version. Such programs are not dependencies of the
 * workspace: each weighs a hundred megabytes, and npm would link a `node` that scripts find before the real
 * one. npm caches them after the first download.
 *
 * @throws {Error} if npm cannot download it.
 */
export function npmBinary(nameAndVersion: string, command: string): string {
  const { stdout, stderr } = spawnSync(
    'npm',
    ['exec', '--yes', `--package=${nameAndVersion}`, '-c', `command -v ${command}`],
    // Outside the workspace, because npm would search it first.
    { cwd: tmpdir(), encoding: 'utf8', env: environmentWithoutWorkspace() },
  )
  const path = stdout?.trim().split('\n').at(-1)
  if (!path) throw new Error(`npm could not bring ${nameAndVersion}:\n${stderr}`)
  return realpathSync(path)
}

/**
 * `npm run` tells a nested npm its workspace through the environment, so those variables are removed. Other settings stay:
 * the registry, a proxy or a cache may be set only in the environment.
 */
function environmentWithoutWorkspace(): NodeJS.ProcessEnv {
  const ofWorkspace = /^npm_(?!config_)|^npm_config_(local_prefix|workspaces?|include_workspace_root)$/i
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofWorkspace.test(name)))
}
