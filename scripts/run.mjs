import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Runs a command in the root of the repo to its end, its output shown. Ends this process with its exit code if it fails. */
export function run([command, ...args], env = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', ...env },
    shell: process.platform === 'win32' && command === 'npm',
  })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}

/** A command that a dependency brings, run by this Node.js. */
export function bin(path) {
  return [process.execPath, join(root, 'node_modules', path)]
}

export const turbo = bin('turbo/bin/turbo')
export const vitest = bin('vitest/vitest.mjs')

/** Runs a script's main function, and tells a failure in one line. */
export async function main(script) {
  try {
    await script()
  } catch (error) {
    console.error(`\n${error.message}`)
    process.exitCode = 1
  }
}
