import { defineConfig } from 'tsup'
import { copyIndicatorLooks, presets } from '../../tsup.preset.js'

export default defineConfig(
  presets(['src/index.ts'], { onSuccess: copyIndicatorLooks, banner: { js: "'use client'" } }),
)
