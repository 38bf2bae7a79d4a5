import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Runs a command in the root of the repository and shows its output. If it fails, ends this process with its exit code. */
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

/** Returns the command line of a dependency's program, to be run by this Node.js. */
export function bin(path) {
  return [process.execPath, join(root, 'node_modules', path)]
}

export const turbo = bin('turbo/bin/turbo')
export const vitest = bin('vitest/vitest.mjs')

/** Runs a script's main function, and prints a failure as one line. */
export async function main(script) {
  try {
    await script()
  } catch (error) {
    console.error(`\n${error.message}`)
    process.exitCode = 1
  }
}
