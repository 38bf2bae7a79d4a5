import { fileURLToPath } from 'node:url'
import { type ServerType, serve } from '@hono/node-server'
import { serveStatic } from '@hono/node-server/serve-static'
import { createApp } from './app.ts'

/** The built page is in dist/web, beside the folder of this built file. */
const webRoot = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../dist/web' : '../web', import.meta.url))

const port = Number(process.env.PORT ?? 3000)
if (!Number.isInteger(port) || port < 0 || port > 65_535)
  exit(`PORT cannot be "${process.env.PORT}": give a number from 0 to 65535.`)

const { app, close } = createApp()
app.use('*', serveStatic({ root: webRoot }))

const server: ServerType = serve({ fetch: app.fetch, port }, (address) => {
  console.log(`Import: http://localhost:${address.port}`)
})
server.on('error', (error: NodeJS.ErrnoException) => {
  const taken = `Port ${port} is taken. Stop what listens there, or choose another: PORT=${port + 1} npm start`
  exit(error.code === 'EADDRINUSE' ? taken : `Cannot listen on port ${port}: ${error.message}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    server.close()
    await close({ graceMs: 1_000 })
    process.exit(0)
  })
}

function exit(message: string): never {
  console.error(message)
  process.exit(1)
}
