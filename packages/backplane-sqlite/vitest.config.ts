import { project } from '../../vitest.shared.js'

export default project('backplane-sqlite', { maxConcurrency: 3 })
