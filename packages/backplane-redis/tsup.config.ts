import { defineConfig } from 'tsup'
import { preset } from '../../tsup.preset.js'

// Rollup 4.68 takes the empty functions that a connection begins with for all that will ever be called, and leaves out
// the arguments of the calls: what pub/sub brings never arrives. `e2e/cluster.test.ts` runs what is built.
export default defineConfig({ ...preset(['src/index.ts']), treeshake: false })
