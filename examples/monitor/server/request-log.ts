import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Request, RequestHandler } from 'express'
import type { Logger } from 'pino'
import { pinoHttp } from 'pino-http'
import { streamPath } from '../shared/events.js'

/** Logs one line for every answered request, and another one when the event stream opens. */
export function requestLog(logger: Logger<'success'>): RequestHandler[] {
  const ended = pinoHttp<IncomingMessage, ServerResponse, 'success'>({
    logger,
    quietReqLogger: true,
    quietResLogger: true,
    customLogLevel: (_request, { statusCode, err }) =>
      err || statusCode >= 500 ? 'error' : statusCode >= 400 ? 'warn' : 'info',
    customSuccessObject: (request, response, { responseTime }) => facts(request, response, responseTime),
    customErrorObject: (request, response, _error, { responseTime }) => ({
      ...facts(request, response, responseTime),
      err: response.err,
    }),
    customSuccessMessage: (request, response, responseTime) =>
      isStream(request) && response.statusCode === 200
        ? `Event stream closed after ${seconds(responseTime)} s`
        : line(request, response, responseTime),
    // Without an error of a route, pino-http creates one that only repeats the status.
    customErrorMessage: (request, response) =>
      response.err ? `${line(request, response)}: ${response.err.message}` : line(request, response),
  })
  const opened: RequestHandler = (request, _response, next) => {
    if (isStream(request)) logger.info(facts(request), `Event stream requested by ${request.socket.remoteAddress}`)
    next()
  }
  return [ended, opened]
}

/** Headers are left out: they contain credentials, and every open page reads these lines. */
function facts(request: IncomingMessage, response?: ServerResponse, durationMs?: number): object {
  return { method: request.method, url: urlOf(request), status: response?.statusCode, durationMs }
}

function line(request: IncomingMessage, response: ServerResponse, durationMs?: number): string {
  const time = durationMs === undefined ? '' : ` in ${durationMs} ms`
  return `${request.method} ${urlOf(request)} ${response.statusCode}${time}`
}

/** The client's original URL: routers rewrite `url` while they handle the request. */
function urlOf(request: IncomingMessage): string {
  return (request as Request).originalUrl ?? request.url ?? ''
}

function isStream(request: IncomingMessage): boolean {
  return urlOf(request).split('?')[0] === streamPath
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(1)
}
