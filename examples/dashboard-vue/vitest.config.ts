import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

/** Inside Rivulet's own repository the packages are read from their sources, so that no build has to precede a test. */
const conditions = ['@rivulet/source', 'module', 'node', 'development']

export default defineConfig({
  plugins: [vue()],
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: 'dashboard-vue',
    include: ['{shared,server,web}/**/*.test.ts'],
    server: { deps: { inline: [/@rivulet\//] } },
  },
})
