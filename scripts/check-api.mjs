// `npm run check:api` compares the exports of the built packages, names and types, with `api/<package>.api.md`, so that no
// public name changes unnoticed. `npm run check:api -- --update` writes the files; review them like code.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import { main, root, run, turbo } from './run.mjs'

const require = createRequire(import.meta.url)
const printer = ts.createPrinter({ removeComments: true })

await main(async () => {
  run([...turbo, 'run', 'build', '--filter=./packages/*', '--output-logs=errors-only'])
  const packages = publishedPackages()
  const program = ts.createProgram(
    packages.flatMap(({ entries }) => entries.map(({ types }) => types)),
    { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, skipLibCheck: true, noEmit: true },
  )
  const update = process.argv.includes('--update')
  const changed = []
  mkdirSync(join(root, 'api'), { recursive: true })
  for (const { name, entries } of packages) {
    const sections = []
    for (const entry of entries) sections.push(await describeEntry(entry, program))
    const report = `${sections.join('\n')}`
    const file = join(root, 'api', `${name.replace('@rivulet/', '')}.api.md`)
    const committed = existsSync(file) ? readFileSync(file, 'utf8') : ''
    if (report === committed) continue
    changed.push(name)
    if (update) writeFileSync(file, report)
    else showDifference(committed, report)
  }
  if (changed.length === 0) console.log(`The API of ${packages.length} packages matches api/.`)
  else if (update) console.log(`Written to api/: ${changed.join(', ')}`)
  else throw new Error(`The API of ${changed.join(', ')} has changed. If it should: npm run check:api -- --update`)
})

function publishedPackages() {
  return readdirSync(join(root, 'packages')).flatMap((folder) => {
    const read = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'))
    if (read.private) return []
    const entries = Object.entries(read.exports).flatMap(([path, { types, node, import: esm, require: cjs }]) => {
      if (!esm) return []
      const at = (file) => join(root, 'packages', folder, file)
      const name = join(read.name, path).replaceAll('\\', '/')
      // Packages that browsers load have a second build, for production.
      const builds = node ? [node.import, node.require, esm, cjs] : [esm.default, cjs.default]
      return [{ name, builds: builds.map(at), types: at(types?.import ?? esm.types) }]
    })
    return [{ name: read.name, entries }]
  })
}

async function describeEntry({ name, builds, types }, program) {
  const [values, ...others] = await Promise.all(
    builds.map(async (file) =>
      Object.keys(file.endsWith('.cjs') ? require(file) : await import(pathToFileURL(file).href)).sort(),
    ),
  )
  for (const names of others) {
    if (names.join() === values.join()) continue
    throw new Error(`${name} exports different names in its builds:\n${values}\n${names}`)
  }
  const checker = program.getTypeChecker()
  const module = checker.getSymbolAtLocation(program.getSourceFile(types))
  const declarations = checker
    .getExportsOfModule(module)
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((symbol) => describeSymbol(symbol, checker))
  return `# ${name}\n\nValues: ${values.map((value) => `\`${value}\``).join(', ') || 'none'}\n\n\`\`\`ts\n${declarations.join('\n')}\n\`\`\`\n`
}

function describeSymbol(symbol, checker) {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  return (target.declarations ?? []).map((declaration) => {
    const source = declaration.getSourceFile()
    // Declarations of another package are in that package's report, or not ours.
    if (!source.fileName.includes('/dist/')) return `// ${symbol.name} is of another package`
    const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration
    return printer.printNode(ts.EmitHint.Unspecified, node, source).replace(/^(export )?(declare )?/, '')
  })
}

/** Prints the lines that only one of the two has, which is enough to see the change. */
function showDifference(before, after) {
  const [old, now] = [before.split('\n'), after.split('\n')]
  for (const line of old.filter((text) => !now.includes(text))) console.error(`- ${line}`)
  for (const line of now.filter((text) => !old.includes(text))) console.error(`+ ${line}`)
}
