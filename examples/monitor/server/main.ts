import cluster from 'node:cluster'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { createMonitor } from './app.js'
import { type Config, readConfig } from './config.js'
import { connectHistory, type History, openHistory } from './history.js'
import { startWorkers } from './workers.js'

/** Time that open streams have to end before the rest is cut off. */
const graceMs = 1_000

/** The built page is in dist/web, beside the folder of this built file. */
const isBuilt = !import.meta.url.endsWith('.ts')
const webRoot = fileURLToPath(new URL(isBuilt ? '../web' : '../dist/web', import.meta.url))
const dataFolder = fileURLToPath(new URL(isBuilt ? '../../data' : '../data', import.meta.url))

const config = configOrExit()
/** Set by the first process for its workers. */
const { WORKER: worker, BACKPLANE: backplanePath } = process.env

if (cluster.isWorker) await serve(await connectHistory(backplanePath!))
else if (config.workers > 1) await serveWithWorkers(historyOrExit(config.dataFolder ?? dataFolder))
else await serve(historyOrExit(config.dataFolder ?? dataFolder))

async function serve(history: History): Promise<void> {
  // The page has room for the measurements of one process.
  const monitor = createMonitor({
    ...config,
    webRoot,
    backplane: history.backplane,
    measures: !worker || worker === '1',
  })
  const server = createServer(monitor.app)

  server.on('error', (error: NodeJS.ErrnoException) => {
    const taken = `Port ${config.port} is taken. Stop what listens there, or choose another: PORT=${config.port + 1} npm start`
    exit(error.code === 'EADDRINUSE' ? taken : `Cannot listen on port ${config.port}: ${error.message}`)
  })
  server.listen(config.port)
  await once(server, 'listening')

  const { port } = server.address() as AddressInfo
  if (!cluster.isWorker) announce(port)
  monitor.start(port)
  onStop(async (signal) => {
    monitor.logger.info(`${signal} received, shutting down`)
    server.close()
    await monitor.close({ graceMs })
    server.closeAllConnections()
    await history.close()
  })
}

/** This process keeps the history; the others serve the page and the streams. */
async function serveWithWorkers({ backplane, close }: History): Promise<void> {
  const workers = await startWorkers({
    count: config.workers,
    backplane,
    stopMs: graceMs + 4_000,
    onListening: announce,
    onFailed: () => process.exit(1),
  })
  onStop(async () => {
    await workers.stop()
    await close()
  })
}

function announce(port: number): void {
  console.log(`Monitor: http://localhost:${port}`)
  if (!existsSync(webRoot))
    console.log('The page is not built. Run "npm run build", or open the address that Vite prints.')
}

/** A second signal does not wait for the first one's grace period. */
function onStop(stop: (signal: string) => Promise<void>): void {
  let stopping = false
  const onSignal = async (signal: string): Promise<void> => {
    // A terminal sends its signal to all processes: workers wait for that of the first one.
    if (cluster.isWorker && (stopping || signal === 'SIGINT')) return
    if (stopping) process.exit(1)
    stopping = true
    await stop(signal)
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void onSignal(signal))
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
