import { project } from '../../vitest.shared.js'

export default project('backplane-postgres', { maxConcurrency: 3, globalSetup: ['./test/global-postgres.ts'] })
