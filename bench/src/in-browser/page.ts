import { join } from 'node:path'
import { build } from 'esbuild'
import { benchFolder } from '../paths.js'

/**
 * Bundles a page's script for production. Returns the page.
 *
 * @param source Path below `src`.
 * @param define Constants of the script.
 */
export async function bundlePage(source: string, define: Record<string, string> = {}): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(benchFolder, 'src', source)],
    bundle: true,
    minify: true,
    define: { 'process.env.NODE_ENV': '"production"', ...define },
    conditions: ['production'],
    jsx: 'automatic',
    logLevel: 'error',
    write: false,
  })
  return `<!doctype html><body></body><script type="module">${outputFiles[0]!.text}</script>`
}
