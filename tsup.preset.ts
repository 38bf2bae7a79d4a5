import { copyFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Options } from 'tsup'

/**
 * How every package of the repo is built: ESM and CJS with types for both. What a package
 * imports stays an import; only its own `src` goes into its `dist`.
 */
export function preset(entry: string[]): Options {
  return {
    entry,
    format: ['esm', 'cjs'],
    dts: true,
    sourcemap: true,
    clean: true,
    target: 'es2022',
    // No `treeshake`: applications shake the tree themselves, and Rollup's has left out arguments of calls whose callee it
    // took for an empty function.
  }
}

/** Puts the looks of the connection indicator, which bindings share, into a package's `dist`. */
export async function copyIndicatorLooks(): Promise<void> {
  const source = fileURLToPath(new URL('packages/client/src/binding/indicator.css', import.meta.url))
  await copyFile(source, 'dist/indicator.css')
}
