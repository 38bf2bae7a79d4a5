import { project } from '../../vitest.shared.js'

/** Not among the tests of `npm test`: npm installs from the registry what the page says, as on a reader's machine. */
export default project('five-minutes', { include: ['*.test.ts'] })
