import { defineConfig } from 'tsup'
import { preset } from '../../tsup.preset.js'

// The CommonJS build finds the files of the migrations by a shim of `import.meta.url`.
export default defineConfig({ ...preset(['src/index.ts']), shims: true })
