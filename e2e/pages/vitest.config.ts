import { project } from '../../vitest.shared.js'

/** Not part of `npm test`, because a browser that drives every example takes minutes. */
export default project('pages', { include: ['*.test.ts'] })
