import { project } from '../../vitest.shared.js'

export default project('backplane-redis', { maxConcurrency: 2 })
