import { defineConfig } from 'tsup'
import { preset } from '../../tsup.preset.js'

// One EventStreamService for all entries, in CJS too.
export default defineConfig({
  ...preset([]),
  entry: {
    index: 'src/index.ts',
    binding: 'src/binding/index.ts',
    query: 'src/query/index.ts',
    store: 'src/store/index.ts',
  },
  splitting: true,
})
