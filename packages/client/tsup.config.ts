import { defineConfig } from 'tsup'
import { presets } from '../../tsup.preset.js'

const entry = {
  index: 'src/index.ts',
  binding: 'src/binding/index.ts',
  core: 'src/core.ts',
  query: 'src/query/index.ts',
  store: 'src/store/index.ts',
}

// One EventStreamService for all entries, in CJS too.
export default defineConfig(presets(entry, { splitting: true }))
