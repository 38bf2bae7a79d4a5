import { defineConfig } from 'tsup'
import { preset } from '../../tsup.preset.js'

export default defineConfig(
  preset([
    'src/events.ts',
    'src/openai.ts',
    'src/ai-sdk.ts',
    'src/ai-sdk-transport.ts',
    'src/tanstack-ai.ts',
    'src/checks.ts',
  ]),
)
