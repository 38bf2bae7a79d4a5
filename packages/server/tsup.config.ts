import { defineConfig } from 'tsup'
import { preset } from '../../tsup.preset.js'

export default defineConfig(preset(['src/index.ts', 'src/node.ts', 'src/web.ts', 'src/ipc.ts', 'src/deflate.ts']))
