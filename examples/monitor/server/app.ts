import { type Backplane, EventManager } from '@rivulet/server'
import { eventStream } from '@rivulet/server-express'
import cors from 'cors'
import express, { type Express } from 'express'
import { type DestinationStream, type Level, type Logger, multistream, pino } from 'pino'
import { channels, events, streamPath } from '../shared/events.js'
import { demoRoutes } from './demo-routes.js'
import { demoSourcePaths, demoSources } from './demo-sources.js'
import type { Emit } from './emit.js'
import { errorHandler } from './error-handler.js'
import { EventLoopMeter } from './event-loop-meter.js'
import { customLevels, LogEventService } from './log-event-service.js'
import { MetricsService } from './metrics-service.js'
import { requestLog } from './request-log.js'
import { ScrapeRunningError, ScrapingEventService } from './scraping-event-service.js'
import { SystemEventService } from './system-event-service.js'

export interface MonitorOptions {
  /** Keeps the events. @default in memory, until the process ends */
  readonly backplane?: Backplane
  /** Pages to scrape instead of the demo sources. */
  readonly sources?: readonly string[]
  /** Time limit for a source. @default 5000 */
  readonly sourceTimeoutMs?: number
  /** Duration of the slow demo source. @default 2500 */
  readonly slowSourceMs?: number
  /** Other origins whose pages may read the stream. @default none */
  readonly corsOrigins?: readonly string[]
  /** Event-loop delay that counts as high load. @default 200 */
  readonly highLoadMs?: number
  /** Publishes the measurements of this process. @default true */
  readonly measures?: boolean
  /** @default 'info' */
  readonly logLevel?: Level
  /** Destination of the log besides the page. @default standard output */
  readonly logDestination?: DestinationStream
  /** Folder of the built page. */
  readonly webRoot?: string
}

export interface Monitor {
  readonly app: Express
  readonly manager: EventManager<typeof events>
  readonly logger: Logger<'success'>
  /** Starts measuring and publishes that the server has started. Call this when the server is listening. */
  start(port: number): void
  /** Ends the streams within the grace period and stops measuring. The caller closes the HTTP server. */
  close(options?: { graceMs?: number }): Promise<void>
}

/** Builds the monitor without listening, so that tests can serve it in their own way. */
export function createMonitor(options: MonitorOptions = {}): Monitor {
  const destination = options.logDestination ?? process.stdout
  // Errors of publishing bypass the log events: they would cause further ones.
  const diagnostics = pino({ name: 'events' }, destination)
  const manager = new EventManager({
    events,
    source: 'monitor',
    backplane: options.backplane,
    onError: (error, context) => diagnostics.error({ err: error, context }, 'Publishing failed'),
  })
  const emit: Emit = (type, payload) => manager.emit(type, payload, { channel: type })

  const logEvents = new LogEventService(emit)
  const level = options.logLevel ?? 'info'
  const logger = pino(
    { level, customLevels },
    multistream([
      { level: 'trace', stream: destination },
      { level: 'trace', stream: logEvents.stream },
    ]),
  )
  const system = new SystemEventService({ emit, highLoadMs: options.highLoadMs })
  const meter = new EventLoopMeter()
  const metrics = new MetricsService({
    emit,
    stats: () => manager.stats(),
    takeDelays: () => meter.take(),
    onDelays: (sample) => system.checkLoad(sample),
  })
  let ownUrl = ''
  const scraping = new ScrapingEventService({
    emit,
    timeoutMs: options.sourceTimeoutMs,
    sources: () => options.sources ?? demoSourcePaths.map((path) => `${ownUrl}/demo-sources/${path}`),
    onSourceError: (url, reason) => logger.warn({ url, reason }, `Source failed: ${url}: ${reason}`),
    onComplete: (run) => logger.success(run, `Scrape found ${run.proxies} proxies in ${run.durationMs} ms`),
  })

  const app = express()
  app.disable('x-powered-by')
  app.use(requestLog(logger))
  app.use('/api', cors({ origin: [...(options.corsOrigins ?? [])] }))
  // A new page gets the latest events of each kind: five minutes of metrics fill its charts.
  app.get(streamPath, eventStream(manager, { channels, replay: 300 }))
  app.post('/api/scrape', (_request, response) => {
    try {
      const { runId } = scraping.start()
      response.status(202).json({ runId })
    } catch (error) {
      if (!(error instanceof ScrapeRunningError)) throw error
      const { code, message, runId } = error
      response.status(409).json({ error: { code, message, runId } })
    }
  })
  app.get('/api/proxies', (_request, response) => {
    response.type('text').send(scraping.proxies.map((proxy) => `${proxy}\n`).join(''))
  })
  app.use('/api/demo', demoRoutes())
  app.use('/demo-sources', demoSources({ slowMs: options.slowSourceMs }))
  if (options.webRoot) app.use(express.static(options.webRoot))
  app.use((request, response) => {
    const message = `Nothing is served at ${request.method} ${request.path}.`
    response.status(404).json({ error: { code: 'NOT_FOUND', message } })
  })
  app.use(errorHandler(system))

  return {
    app,
    manager,
    logger,
    start(port) {
      ownUrl = `http://localhost:${port}`
      system.started({ port, node: process.version, pid: process.pid })
      meter.start()
      if (options.measures ?? true) metrics.start()
      logger.success({ port }, `Listening on ${ownUrl}`)
    },
    async close({ graceMs = 0 } = {}) {
      logEvents.stop()
      scraping.stop()
      metrics.stop()
      meter.stop()
      await manager.close({ graceMs })
    },
  }
}
