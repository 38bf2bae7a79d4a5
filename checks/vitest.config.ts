import { project } from '../vitest.shared.js'

export default project('checks', {
  include: ['**/*.test.ts'],
  exclude: ['node_modules', 'copied-examples', 'five-minutes'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
})
