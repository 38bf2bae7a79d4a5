import { execFile } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { packPackages } from '../pack-packages.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder that has the installed and built applications. */
    applications: string
  }
}

/** Installs the packed packages and all applications in one folder, builds the applications, and checks their types. */
// biome-ignore lint/style/noDefaultExport: vitest asks for it
export default async function install(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'rivulet-applications-'))
  const tarballs = packPackages(folder)
  const here = fileURLToPath(new URL('.', import.meta.url))
  const names = readdirSync(here).filter((name) => existsSync(join(here, name, 'package.json')))
  for (const name of names) {
    cpSync(join(here, name), join(folder, name), { recursive: true })
    takeTarballs(join(folder, name, 'package.json'), tarballs)
  }
  // One installation for all of them. The packages' dependencies on each other come from the tarballs too.
  const manifest = { private: true, workspaces: names, overrides: tarballs }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  await run(folder, 'install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error')
  await Promise.all(
    names.map(async (name) => {
      await run(join(folder, name), 'run', 'build')
      await run(join(folder, name), 'run', 'typecheck')
    }),
  )
  project.provide('applications', folder)
  return () => rm(folder, { recursive: true, force: true })
}

function takeTarballs(file: string, tarballs: Record<string, string>): void {
  const manifest = JSON.parse(readFileSync(file, 'utf8'))
  const { dependencies } = manifest
  for (const name of Object.keys(dependencies)) dependencies[name] = tarballs[name] ?? dependencies[name]
  writeFileSync(file, JSON.stringify(manifest))
}

/** Runs npm, and shows its whole output if it fails. */
async function run(cwd: string, ...args: string[]): Promise<void> {
  await promisify(execFile)('npm', args, { cwd }).catch(({ stdout, stderr }) => {
    throw new Error(`npm ${args.join(' ')} failed:\n${stdout}${stderr}`)
  })
}
