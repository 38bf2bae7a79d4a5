import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // Many tests wait for browsers and other processes. Vitest alone would leave one core idle, of two.
    maxWorkers: availableParallelism() + 1,
    projects: [
      'packages/*/vitest.config.ts',
      'examples/*/vitest.config.ts',
      'checks/vitest.config.ts',
      'react-18/vitest.config.ts',
      'e2e/vitest.config.ts',
    ],
    // For `npm run coverage`. The Redis backplane is excluded, because its fault tests take minutes and prove more than
    // covered lines. So are the tests that measure the heap or play random histories, which instrumentation only slows down.
    // The thresholds leave room for fallbacks that only some versions of Node.js need, and for backplane checks that only a
    // broken backplane reaches.
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.{ts,tsx}'],
      exclude: ['packages/backplane-redis/**', '**/*.test.*', '**/*.test-d.*', '**/*.d.*ts', '**/index.ts'],
      reporter: ['text', 'html'],
      thresholds: { statements: 95, branches: 91, functions: 94, lines: 97 },
    },
  },
})
