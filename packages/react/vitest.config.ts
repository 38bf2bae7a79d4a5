import { project } from '../../vitest.shared.js'

export default project('react', { environment: 'jsdom', setupFiles: ['src/setup.test.util.ts'] })
