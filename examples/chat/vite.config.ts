import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig, type ProxyOptions } from 'vite'

const proxy: ProxyOptions = {
  target: `http://localhost:${process.env.PORT ?? 3000}`,
  configure: (server) => {
    // The proxy would keep a stream open after its server has died. The page must notice as it would without a proxy.
    server.on('proxyRes', (upstream, _request, response) => {
      upstream.on('close', () => upstream.complete || response.destroy())
    })
  },
}

export default defineConfig({
  root: fileURLToPath(new URL('web', import.meta.url)),
  plugins: [react()],
  build: {
    outDir: fileURLToPath(new URL('dist/web', import.meta.url)),
    emptyOutDir: true,
    // light-dark() carries both themes. These are the first versions that support it.
    target: ['chrome123', 'firefox120', 'safari17.5'],
  },
  server: { proxy: { '/api': proxy } },
})
