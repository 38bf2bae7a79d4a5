import { project } from '../vitest.shared.js'

export default project('runtimes', { testTimeout: 15_000, hookTimeout: 120_000 })
