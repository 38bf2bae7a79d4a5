import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { createDashboard } from './app.js'

/** The built page is in dist/web, beside the folder of this built file. */
const webRoot = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../dist/web' : '../web', import.meta.url))

const port = Number(process.env.PORT ?? 3000)
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  exit(`PORT cannot be "${process.env.PORT}": give a number from 0 to 65535.`)
}

const dashboard = createDashboard({ webRoot })
const server = createServer(dashboard.app.callback())

server.on('error', (error: NodeJS.ErrnoException) => {
  const taken = `Port ${port} is taken. Stop what listens there, or choose another: PORT=${port + 1} npm start`
  exit(error.code === 'EADDRINUSE' ? taken : `Cannot listen on port ${port}: ${error.message}`)
})
server.listen(port, () => {
  const { port: actual } = server.address() as AddressInfo
  console.log(`Dashboard: http://localhost:${actual}`)
  if (!existsSync(webRoot))
    console.log('The page is not built. Run "npm run build", or open the address that Vite prints.')
  dashboard.start(actual)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    server.close()
    await dashboard.close({ graceMs: 1_000 })
    process.exit(0)
  })
}

function exit(message: string): never {
  console.error(message)
  process.exit(1)
}
