import { project } from '../../vitest.shared.js'

export default project('react', { environment: 'jsdom', setupFiles: ['test/setup.ts'] })
