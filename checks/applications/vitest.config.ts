import { project } from '../../vitest.shared.js'

/** Not part of `npm test`, because npm installs from the registry, as on a user's machine. */
export default project('applications', {
  include: ['*.test.ts'],
  globalSetup: './install.ts',
  testTimeout: 120_000,
  // They wait most of the time.
  maxWorkers: 3,
})
