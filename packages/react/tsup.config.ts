import { defineConfig } from 'tsup'
import { copyIndicatorLooks, preset } from '../../tsup.preset.js'

export default defineConfig({
  ...preset(['src/index.ts']),
  onSuccess: copyIndicatorLooks,
  banner: { js: "'use client'" },
})
