import { copyFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Options } from 'tsup'

/**
 * Builds every package as ESM and CJS, with types for both. Imports of other packages stay imports: only the package's
 * own `src` goes into its `dist`.
 */
export function preset(entry: string[]): Options {
  return {
    entry,
    format: ['esm', 'cjs'],
    dts: true,
    sourcemap: true,
    clean: true,
    target: 'es2022',
    // No `treeshake`: applications do that themselves, and Rollup's removed arguments of calls whose callee it took for an
    // empty function.
  }
}

/** Copies the stylesheet of the connection indicator, which bindings share, into a package's `dist`. */
export async function copyIndicatorLooks(): Promise<void> {
  const source = fileURLToPath(new URL('packages/client/src/binding/indicator.css', import.meta.url))
  await copyFile(source, 'dist/indicator.css')
}
