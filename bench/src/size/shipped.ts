import type { BuildOptions } from 'esbuild'
import { benchFolder } from '../paths.js'

/** Options that bundle some code as an application would ship it to a page. */
export function shipped(code: string): BuildOptions & { write: false } {
  return {
    stdin: { contents: code, resolveDir: benchFolder },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    write: false,
    logLevel: 'error',
  }
}
