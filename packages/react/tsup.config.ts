import { defineConfig } from 'tsup'
import { preset } from '../../tsup.preset.js'

export default defineConfig({
  ...preset(['src/index.ts']),
  // Rollup, which shakes the tree, would take the directive away, and there is nothing to shake.
  treeshake: false,
  banner: { js: "'use client'" },
})
