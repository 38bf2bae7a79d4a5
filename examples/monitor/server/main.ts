import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { createMonitor } from './app.js'
import { type Config, readConfig } from './config.js'
import { type History, openHistory } from './history.js'

/** Time that open streams have to end before the rest is cut off. */
const graceMs = 1_000

/** The built page is in dist/web, beside the folder of this built file. */
const isBuilt = !import.meta.url.endsWith('.ts')
const webRoot = fileURLToPath(new URL(isBuilt ? '../web' : '../dist/web', import.meta.url))
const dataFolder = fileURLToPath(new URL(isBuilt ? '../../data' : '../data', import.meta.url))

const config = configOrExit()
const history = historyOrExit(config.dataFolder ?? dataFolder)
const monitor = createMonitor({ ...config, webRoot, backplane: history.backplane })
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
  history.close()
  process.exit(0)
}

function configOrExit(): Config {
  try {
    return readConfig(process.env)
  } catch (error) {
    return exit((error as Error).message)
  }
}

function historyOrExit(folder: string): History {
  try {
    return openHistory(folder)
  } catch (error) {
    const { message } = error as Error
    return exit(`The history in ${folder} cannot be used. DATA_DIR chooses another folder.\n${message}`)
  }
}

function exit(message: string): never {
  console.error(message)
  process.exit(1)
}
