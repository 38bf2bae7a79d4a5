import { project } from '../vitest.shared.js'

export default project('checks', {
  include: ['**/*.test.ts'],
  exclude: ['node_modules', 'applications', 'copied-examples', 'five-minutes'],
  // Compilers and builds take minutes while other tests keep the machine busy.
  testTimeout: 300_000,
  hookTimeout: 300_000,
})
