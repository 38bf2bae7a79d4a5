import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    projects: [
      'packages/*/vitest.config.ts',
      'examples/*/vitest.config.ts',
      'checks/vitest.config.ts',
      'runtimes/react-18/vitest.config.ts',
      'e2e/vitest.config.ts',
    ],
    // `npm run coverage`. The files of the Redis backplane are left out: its fault tests take minutes, and hold it better than
    // lines do. So are the tests that measure the heap or play random histories, which instrumented code only slows down.
    // What the floor allows to be missing, among others: fallbacks where a version of Node.js lacks something; and the
    // backplane's checks where a backplane breaks its contract.
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.{ts,tsx}'],
      exclude: ['packages/backplane-redis/**', '**/*.test.*', '**/*.test-d.*', '**/*.d.*ts', '**/index.ts'],
      reporter: ['text', 'html'],
      thresholds: { statements: 95, branches: 91, functions: 94, lines: 97 },
    },
  },
})
