import { project } from '../../vitest.shared.js'

export default project('vue', { environment: 'jsdom', setupFiles: ['test/setup.ts'] })
