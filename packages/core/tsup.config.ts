import { defineConfig } from 'tsup'
import { presets } from '../../tsup.preset.js'

export default defineConfig(presets(['src/index.ts']))
