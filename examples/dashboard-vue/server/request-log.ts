import type { EventManager } from '@rivulet/server'
import type { Middleware } from 'koa'
import type { Logger } from 'pino'
import { type events, type LogEvent, streamPath } from '../shared/events.js'

/** Logs each answered request, to pino and to the page. */
export function requestLog(logger: Logger, manager: EventManager<typeof events>): Middleware {
  return async (context, next) => {
    const startedAt = performance.now()
    const { method, path } = context
    const log = (status: number) => {
      const durationMs = Math.round((performance.now() - startedAt) * 10) / 10
      const level: LogEvent['level'] = status >= 500 ? 'error' : status >= 400 ? 'warning' : 'info'
      const message =
        path === streamPath ? `${method} ${path} opened` : `${method} ${path} ${status} in ${durationMs} ms`
      logger[level === 'warning' ? 'warn' : level]({ method, path, status, durationMs }, message)
      manager.emit('log', { level, message }, { channel: 'log' })
    }
    try {
      await next()
      log(context.status)
    } catch (error) {
      log((error as { status?: number }).status ?? 500)
      throw error
    }
  }
}
