import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

/** In Rivulet's own repository, tests read the packages' sources, so that no build has to come first. */
const conditions = ['@rivulet/source', 'module', 'node', 'development']

export default defineConfig({
  plugins: [react()],
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    name: 'task-board',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 10_000 } },
    include: ['{shared,server,web}/**/*.test.{ts,tsx}'],
    server: { deps: { inline: [/@rivulet\//] } },
  },
})
