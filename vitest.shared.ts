import { defineConfig, type ViteUserConfig } from 'vitest/config'

/** Tests read the sources of sibling packages, so that no build stands between an edit and its test. */
// Without 'import' and 'default': given here, Node.js would apply them to require() too.
const conditions = ['@rivulet/source', 'module', 'node', 'development']

/**
 * These are handed to Node.js as `--conditions` too, for what it loads itself. With `import` among them a CommonJS
 * package's `require` would be given ES modules (Express 5 breaks on that); an import has that condition anyway.
 */
const nodeConditions = conditions.filter((condition) => condition !== 'import' && condition !== 'default')

export function project(name: string, test: ViteUserConfig['test'] = {}): ViteUserConfig {
  return defineConfig({
    resolve: { conditions },
    ssr: { resolve: { conditions: nodeConditions } },
    // Generous, as the machine may be busy with the tests beside.
    test: { name, expect: { poll: { timeout: 10_000 } }, include: ['src/**/*.test.ts', 'src/**/*.test.tsx'], ...test },
  })
}
