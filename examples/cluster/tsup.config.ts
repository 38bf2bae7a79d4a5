import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { main: 'server/main.ts', node: 'server/node.ts', kill: 'server/kill.ts' },
  outDir: 'dist/server',
  format: ['esm'],
  target: 'node20',
  clean: true,
})
