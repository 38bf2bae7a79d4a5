import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const benchFolder = dirname(dirname(fileURLToPath(import.meta.url)))
export const root = dirname(benchFolder)
/** Results of full runs, committed. */
export const resultsFolder = join(benchFolder, 'results')
/** Charts of full runs, committed and shown by the README. */
export const imagesFolder = join(root, 'docs/images')
/** Output of quick runs, not committed. */
export const outputFolder = join(root, '.tmp/bench')
/** Compiled programs, inside `bench` so that they find its dependencies. */
export const programsFolder = join(benchFolder, 'dist')
