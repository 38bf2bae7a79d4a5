import { defineConfig } from 'vitest/config'

/** In Rivulet's own repository, tests read the packages' sources, so that no build has to come first. */
const conditions = ['@rivulet/source', 'module', 'node', 'development']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: 'import',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 10_000 } },
    include: ['{shared,server,web}/**/*.test.{ts,tsx}'],
    server: { deps: { inline: [/@rivulet\//] } },
  },
})
