import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { root } from '../test-support/root.js'

interface Manifest {
  name: string
  private?: boolean
  exports: Record<string, string | { require?: string | { default: string }; node?: { require: string } }>
}

const packages = readdirSync(join(root, 'packages')).flatMap((folder) => {
  const manifest: Manifest = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'))
  return manifest.private ? [] : [{ folder: join(root, 'packages', folder), manifest }]
})

/** The built file of each published entry, for Node.js and for bundles. */
const builds = (['Node.js', 'bundles'] as const).map((reader) => {
  const files = packages.flatMap(({ folder, manifest }) =>
    Object.entries(manifest.exports).flatMap(([path, target]) => {
      if (typeof target === 'string' || !target.require) return []
      const { node, require } = target
      const file = typeof require === 'object' ? require.default : node && reader === 'Node.js' ? node.require : require
      return [[join(manifest.name, path), join(folder, file)] as const]
    }),
  )
  return { reader, built: new Map(files) }
})

/** Loads a built entry and the entries that it imports into a context with only the language and Node.js's own globals. */
function loadBare(entry: string, built: ReadonlyMap<string, string>): object {
  const context = createContext({ process, Buffer })
  const loaded = new Map<string, { exports: object }>()
  return load(built.get(entry)!)

  function load(file: string): object {
    const known = loaded.get(file)
    if (known) return known.exports
    const module = { exports: {} }
    loaded.set(file, module)
    const outside = createRequire(file)
    const require = (name: string): object => {
      const inside = name.startsWith('.') ? outside.resolve(name) : built.get(name)
      return inside === undefined ? outside(name) : load(inside)
    }
    const wrapped = `(function (module, exports, require, __filename) {${readFileSync(file, 'utf8')}\n})`
    runInContext(wrapped, context, { filename: file })(module, module.exports, require, file)
    return module.exports
  }
}

describe.each(builds)('the build for $reader', ({ built }) => {
  it.each([...built.keys()])('of %s loads in a runtime without web globals', (entry) => {
    expect(Object.keys(loadBare(entry, built)).length).toBeGreaterThan(0)
  })
})
