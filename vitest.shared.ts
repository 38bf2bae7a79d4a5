import { defineConfig, type ViteUserConfig } from 'vitest/config'

/** Tests read the sources of sibling packages, so that no build stands between an edit and its test. */
const conditions = ['@rivulet/source', 'module', 'node', 'import', 'default', 'development']

export function project(name: string, test: ViteUserConfig['test'] = {}): ViteUserConfig {
  return defineConfig({
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: { name, include: ['src/**/*.test.ts', 'src/**/*.test.tsx'], ...test },
  })
}
