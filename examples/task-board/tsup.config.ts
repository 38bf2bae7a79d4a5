import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { main: 'server/main.ts' },
  outDir: 'dist/server',
  format: ['esm'],
  target: 'node20',
  sourcemap: true,
  clean: true,
})
