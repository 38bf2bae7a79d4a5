import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { EventManager } from '@rivulet/server'
import { handleEventStream } from '@rivulet/server/node'
import { build } from 'esbuild'
import { events } from './contract.js'

/** Serves one page of this folder, and its events. */
export interface PageServer {
  readonly url: string
  readonly manager: EventManager<typeof events>
  stop(): Promise<void>
}

export async function servePage(source: string): Promise<PageServer> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(source, import.meta.url))],
    bundle: true,
    minify: true,
    define: { 'process.env.NODE_ENV': '"profiling"' },
    conditions: ['@rivulet/source'],
    jsx: 'automatic',
    write: false,
  })
  const manager = new EventManager({ events })
  const server = createServer((request, response) => {
    if (request.url === '/events') return void handleEventStream(manager, request, response)
    response.setHeader('content-type', 'text/html')
    response.end(`<!doctype html><body></body><script type="module">${outputFiles[0]!.text}</script>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    manager,
    async stop() {
      await manager.close()
      server.closeAllConnections()
      server.close()
    },
  }
}
