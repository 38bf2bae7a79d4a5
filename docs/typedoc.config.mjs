import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const packages = fileURLToPath(new URL('../packages/', import.meta.url))

/** The sources of all entry points that users import. */
const entryPoints = readdirSync(packages).flatMap((name) => {
  const { exports } = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8'))
  return Object.values(exports).flatMap((entry) => {
    const source = entry['@rivulet/source']
    return /\.tsx?$/.test(source) ? [join(packages, name, source)] : []
  })
})

// biome-ignore lint/style/noDefaultExport: TypeDoc reads the default export
export default {
  plugin: ['typedoc-plugin-markdown', './.vitepress/reference-plugin.mjs'],
  tsconfig: 'tsconfig.reference.json',
  entryPoints,
  // A page must not be missing from the reference unnoticed.
  treatWarningsAsErrors: true,
  out: 'reference',
  name: 'Reference',
  readme: 'none',
  excludeInternal: true,
  excludePrivate: true,
  excludeProtected: true,
  excludeExternals: true,
  disableSources: true,
  hideBreadcrumbs: true,
  hidePageHeader: true,
  useCodeBlocks: true,
  entryFileName: 'index.md',
  modulesFileName: 'index.md',
}
