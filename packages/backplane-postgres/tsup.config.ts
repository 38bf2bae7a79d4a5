import { defineConfig } from 'tsup'
import { preset } from '../../tsup.preset.js'

export default defineConfig({
  ...preset(['src/index.ts']),
  // The CommonJS build has no `import.meta.url`, by which the package finds the files of its migrations.
  esbuildOptions(options, { format }) {
    if (format !== 'cjs') return
    options.banner = { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" }
    options.define = { ...options.define, 'import.meta.url': 'moduleUrl' }
  },
})
