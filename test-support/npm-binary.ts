import { spawnSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'

/**
 * The path of a program that an npm package brings, in exactly this version. Such programs are no dependencies of the
 * workspace: each weighs a hundred megabytes, and npm would link a `node` where every script finds it before the true
 * one. npm keeps them in its cache after the first time.
 *
 * @throws {Error} where npm cannot bring it.
 */
export function npmBinary(nameAndVersion: string, command: string): string {
  const { stdout, stderr } = spawnSync(
    'npm',
    ['exec', '--yes', `--package=${nameAndVersion}`, '-c', `command -v ${command}`],
    // Outside of the workspace, which npm would look into otherwise.
    { cwd: tmpdir(), encoding: 'utf8', env: environmentWithoutWorkspace() },
  )
  const path = stdout?.trim().split('\n').at(-1)
  if (!path) throw new Error(`npm could not bring ${nameAndVersion}:\n${stderr}`)
  return realpathSync(path)
}

/**
 * Under `npm run`, npm hands on to an npm inside which workspace it is in. Its other settings stay: a registry, a proxy
 * or a cache may be named by the environment alone.
 */
function environmentWithoutWorkspace(): NodeJS.ProcessEnv {
  const ofWorkspace = /^npm_(?!config_)|^npm_config_(local_prefix|workspaces?|include_workspace_root)$/i
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofWorkspace.test(name)))
}
