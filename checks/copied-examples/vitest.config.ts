import { project } from '../../vitest.shared.js'

/** Not part of `npm test`, because npm installs each example from the registry, as on a user's machine. */
export default project('copied-examples', { include: ['*.test.ts'] })
