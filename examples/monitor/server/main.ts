import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { createMonitor } from './app.js'
import { type Config, readConfig } from './config.js'

/** Time that open streams have to end before the rest is cut off. */
const graceMs = 1_000

/** The built page is in dist/web, beside the folder of this built file. */
const webRoot = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../dist/web' : '../web', import.meta.url))

const config = configOrExit()
const monitor = createMonitor({ ...config, webRoot })
const server = createServer(monitor.app)

server.on('error', (error: NodeJS.ErrnoException) => {
  const taken = `Port ${config.port} is taken. Stop what listens there, or choose another: PORT=${config.port + 1} npm start`
  exit(error.code === 'EADDRINUSE' ? taken : `Cannot listen on port ${config.port}: ${error.message}`)
})
server.listen(config.port)
await once(server, 'listening')

const { port } = server.address() as AddressInfo
console.log(`Monitor: http://localhost:${port}`)
if (!existsSync(webRoot))
  console.log('The page is not built. Run "npm run build", or open the address that Vite prints.')
monitor.start(port)

let stopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(signal))

/** A second signal does not wait for the first one's grace period. */
async function stop(signal: string): Promise<void> {
  if (stopping) process.exit(1)
  stopping = true
  monitor.logger.info(`${signal} received, shutting down`)
  server.close()
  await monitor.close({ graceMs })
  server.closeAllConnections()
  process.exit(0)
}

function configOrExit(): Config {
  try {
    return readConfig(process.env)
  } catch (error) {
    return exit((error as Error).message)
  }
}

function exit(message: string): never {
  console.error(message)
  process.exit(1)
}
