import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

export default defineConfig({
  root: fileURLToPath(new URL('web', import.meta.url)),
  plugins: [vue()],
  build: {
    outDir: fileURLToPath(new URL('dist/web', import.meta.url)),
    emptyOutDir: true,
    // light-dark() carries both themes. These are the first versions that support it.
    target: ['chrome123', 'firefox120', 'safari17.5'],
  },
  server: { proxy: { '/api': `http://localhost:${process.env.PORT ?? 3000}` } },
})
