import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig, type ProxyOptions } from 'vite'

const proxy: ProxyOptions = {
  target: `http://localhost:${process.env.PORT ?? 3000}`,
  configure: (server) => {
    // The proxy would keep a stream open whose server has died. The page is to see what it would see without a proxy.
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
    // light-dark() carries both themes; these are the first versions that have it.
    target: ['chrome123', 'firefox120', 'safari17.5'],
  },
  server: { proxy: { '/api': proxy, '/demo-sources': proxy } },
})
