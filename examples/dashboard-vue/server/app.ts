import { EventManager } from '@rivulet/server'
import { eventStream } from '@rivulet/server-koa'
import Koa from 'koa'
import serveStatic from 'koa-static'
import { type DestinationStream, pino } from 'pino'
import { channels, events, shownSeconds, streamPath } from '../shared/events.js'
import { demoPage, demoPages, sendTraffic } from './demo-routes.js'
import { ProcessMeter } from './process-meter.js'
import { requestLog } from './request-log.js'
import { RequestMeter } from './request-meter.js'
import { Scraper } from './scraper.js'

/** Event-loop delay above which a notification is published. */
const highDelayMs = 200

export interface DashboardOptions {
  /** Folder of the built page. */
  readonly webRoot?: string
  /** Destination of the log besides the page. @default standard output */
  readonly logDestination?: DestinationStream
  /** @default 1000 */
  readonly sampleMs?: number
}

export interface Dashboard {
  readonly app: Koa
  readonly manager: EventManager<typeof events>
  /** Starts measuring and publishes that the server has started. Call this when the server is listening. */
  start(port: number): void
  /** Ends the streams within the grace period and stops measuring. The caller closes the HTTP server. */
  close(options?: { graceMs?: number }): Promise<void>
}

/** Builds the dashboard without listening, so that tests can serve it in their own way. */
export function createDashboard(options: DashboardOptions = {}): Dashboard {
  const { sampleMs = 1_000 } = options
  const logger = pino({}, options.logDestination ?? process.stdout)
  const manager = new EventManager({
    events,
    source: 'dashboard',
    retention: { maxEvents: 1_000, maxAgeMs: Infinity },
    onError: (error, context) => logger.error({ err: error, context }, 'Publishing failed'),
  })
  const requests = new RequestMeter()
  const usage = new ProcessMeter()
  const scraper = new Scraper(manager)
  let origin = ''
  let sampling: NodeJS.Timeout | undefined
  let sendingTraffic = false

  function notify(severity: 'good' | 'notice' | 'problem', message: string): void {
    manager.emit('notification', { severity, message }, { channel: 'notification' })
  }

  function sample(): void {
    const { requests: count, errors, p50Ms, p95Ms } = requests.take()
    const measured = usage.take()
    const perSecond = (value: number) => Math.round((value / sampleMs) * 10_000) / 10
    manager.emit(
      'metrics',
      {
        requestsPerSecond: perSecond(count),
        errorsPerSecond: perSecond(errors),
        latencyP50Ms: p50Ms,
        latencyP95Ms: p95Ms,
        ...measured,
        streams: manager.connections.size,
      },
      { channel: 'metrics' },
    )
    if (measured.eventLoopDelayMs > highDelayMs) {
      notify('problem', `The event loop was held up for ${Math.round(measured.eventLoopDelayMs)} ms.`)
    }
  }

  const app = new Koa()
  app.silent = true
  app.on('error', (error: Error & { expose?: boolean; status?: number }) => {
    if (error.status === undefined || error.status >= 500) notify('problem', `A request failed: ${error.message}`)
  })
  app.use(requests.middleware)
  app.use(requestLog(logger, manager))
  app.use(eventStreamAt(streamPath, eventStream(manager, { channels, replay: shownSeconds })))
  app.use((context, next) => {
    if (context.method !== 'POST') return next()
    if (context.path === '/api/scrape') {
      context.status = scraper.start(demoPages.map((page) => `${origin}/demo/${page}`)) ? 202 : 409
    } else if (context.path === '/api/traffic') {
      context.status = sendingTraffic ? 409 : 202
      if (sendingTraffic) return
      sendingTraffic = true
      notify('notice', 'Demo traffic began.')
      void sendTraffic(origin).finally(() => {
        sendingTraffic = false
        notify('good', 'Demo traffic is over.')
      })
    } else return next()
  })
  app.use(demoPage)
  if (options.webRoot) app.use(serveStatic(options.webRoot))

  return {
    app,
    manager,
    start(port) {
      origin = `http://localhost:${port}`
      usage.start()
      sampling = setInterval(sample, sampleMs)
      notify('good', `The server started on port ${port}.`)
    },
    close(closing) {
      clearInterval(sampling)
      usage.stop()
      return manager.close(closing)
    },
  }
}

function eventStreamAt(path: string, stream: Koa.Middleware): Koa.Middleware {
  return (context, next) => (context.path === path && context.method === 'GET' ? stream(context, next) : next())
}
