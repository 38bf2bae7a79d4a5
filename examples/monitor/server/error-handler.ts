import type { ErrorRequestHandler } from 'express'
import type { SystemEventService } from './system-event-service.js'

/** Answers errors that no route caught, and reports them. Client errors (a status below 500) are only answered. */
export function errorHandler(system: SystemEventService): ErrorRequestHandler {
  return (error: Error & { status?: number }, request, response, next) => {
    const status = error.status && error.status >= 400 && error.status < 500 ? error.status : 500
    if (status === 500) {
      // pino-http logs the request's error from here, including its stack.
      response.err = error
      system.failed(error, { method: request.method, url: request.originalUrl })
    }
    if (response.headersSent) return next(error)
    const message = status === 500 ? 'The server failed. Its log tells why.' : error.message
    response.status(status).json({ error: { code: status === 500 ? 'INTERNAL' : 'BAD_REQUEST', message } })
  }
}
