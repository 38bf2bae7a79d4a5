import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'
import { benchFolder, programsFolder, root } from './paths.js'

/** Builds packages, so that the benchmark measures the published code. */
export function buildPackages(...names: string[]): void {
  const filters = names.map((name) => `--filter=@rivulet/${name}`)
  const turbo = [join(root, 'node_modules/turbo/bin/turbo'), 'run', 'build', '--output-logs=errors-only', ...filters]
  const { status } = spawnSync(process.execPath, turbo, {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' },
  })
  if (status !== 0) throw new Error(`The build of ${names.join(', ')} failed: npm run build shows why.`)
}

/**
 * Compiles a program that runs in its own process. Imports of packages stay imports: those files run unchanged,
 * under any Node.js, without a loader in between.
 *
 * @param source Path below `src`, without extension.
 */
export async function compileProgram(source: string): Promise<string> {
  const outfile = join(programsFolder, `${source.replaceAll('/', '-')}.js`)
  await build({
    entryPoints: [join(benchFolder, 'src', `${source}.ts`)],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
  })
  return outfile
}
