import { copyFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Options } from 'tsup'

/**
 * Builds every package as ESM and CJS, with types for both. Imports of other packages stay imports: only the package's
 * own `src` goes into its `dist`.
 */
export function preset(entry: Options['entry']): Options {
  return {
    entry,
    format: ['esm', 'cjs'],
    dts: true,
    sourcemap: true,
    clean: ['!production/**'],
    target: 'es2022',
    // No `treeshake`: applications do that themselves, and Rollup's removed arguments of calls whose callee it took for an
    // empty function.
  }
}

/** Makes `development` false in the source, so that what stands behind it is dropped. */
export const withoutTexts: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'production',
  setup(build) {
    build.onLoad({ filter: /[\\/]development\.ts$/ }, () => ({ contents: 'export const development = false' }))
  },
}

/**
 * Builds a package that browsers load a second time, for production: without the texts of errors, which stand behind
 * `development` in the source. The `exports` of its package.json choose the build.
 */
export function presets(entry: Options['entry'], options: Options = {}): Options[] {
  const full = { ...preset(entry), ...options }
  return [
    full,
    {
      ...full,
      outDir: 'dist/production',
      dts: false,
      clean: true,
      onSuccess: undefined,
      esbuildOptions(esbuild) {
        // Puts `false` in the place of `development`, and drops the other branch.
        esbuild.minifySyntax = true
      },
      esbuildPlugins: [withoutTexts],
    },
  ]
}

/** Copies the stylesheet of the connection indicator, which bindings share, into a package's `dist`. */
export async function copyIndicatorLooks(): Promise<void> {
  const source = fileURLToPath(new URL('packages/client/src/binding/indicator.css', import.meta.url))
  await copyFile(source, 'dist/indicator.css')
}
