import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

/** In Rivulet's own repository, tests read the packages' sources, so that no build has to come first. */
const conditions = ['@rivulet/source', 'module', 'node', 'development']

export default defineConfig({
  plugins: [vue()],
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: 'dashboard-vue',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 10_000 } },
    include: ['{shared,server,web}/**/*.test.ts'],
    server: { deps: { inline: [/@rivulet\//] } },
  },
})
