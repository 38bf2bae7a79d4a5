import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

/**
 * Tests read the sources of sibling packages, so that no build stands between an edit and its test. Node.js gets these as
 * `--conditions`, which apply to require() too: with `import` among them, a CommonJS package would get ES modules, which
 * breaks Express 5.
 */
const conditions = ['@rivulet/source', 'module', 'node', 'development']
const patience = fileURLToPath(new URL('test-support/patience.ts', import.meta.url))

export function project(name: string, test: ViteUserConfig['test'] = {}): ViteUserConfig {
  return defineConfig({
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    // Generous, because other tests may keep the machine busy.
    test: {
      name,
      testTimeout: 60_000,
      hookTimeout: 60_000,
      expect: { poll: { timeout: 20_000 } },
      include: ['src/**/*.test.ts', 'src/**/*.test.tsx'],
      ...test,
      setupFiles: [patience, test.setupFiles ?? []].flat(),
    },
  })
}
