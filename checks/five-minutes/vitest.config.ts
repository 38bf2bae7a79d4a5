import { project } from '../../vitest.shared.js'

/** Not part of `npm test`, because npm installs from the registry, as on a reader's machine. */
export default project('five-minutes', { include: ['*.test.ts'] })
