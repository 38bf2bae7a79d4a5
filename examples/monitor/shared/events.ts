import { defineEvents, type EventOf } from '@rivulet/core'
import * as z from 'zod'

/** A line of the server's own log. */
const log = z.object({
  level: z.enum(['info', 'success', 'warning', 'error']),
  message: z.string(),
  /** What else the line carried: a request's method, URL and duration, an error's stack. */
  data: z.record(z.string(), z.unknown()).optional(),
})

const sourceState = z.object({
  url: z.string(),
  status: z.enum(['waiting', 'fetching', 'completed', 'error']),
  /** Valid proxies that the page listed, before duplicates of other pages are taken out. */
  proxies: z.number().int().min(0),
  durationMs: z.number().min(0).optional(),
  error: z.string().optional(),
})

/** How a scraping run stands. Every event tells the whole state, so that the latest one is enough to draw it. */
const scrapingProgress = z.object({
  runId: z.string(),
  /** `error` means that `currentSource` failed and the run goes on; `completed` is always the last of a run. */
  status: z.enum(['started', 'progress', 'completed', 'error']),
  /** Per cent of the sources that are done, failed ones included. */
  progress: z.number().min(0).max(100),
  /** Distinct valid proxies so far. */
  proxiesFound: z.number().int().min(0),
  /** The URL this event is about; empty before the first and after the last one. */
  currentSource: z.string(),
  sources: z.array(sourceState),
  /** What went wrong with `currentSource`, where `status` is `error`. */
  error: z.string().optional(),
  durationMs: z.number().min(0),
})

/** Something about the server itself that a person should know. */
const system = z.object({
  event: z.enum(['server_start', 'server_error', 'high_load']),
  message: z.string(),
  data: z.record(z.string(), z.unknown()).optional(),
})

/** One second of the process, measured. */
const metrics = z.object({
  /** Open event streams. */
  connections: z.number().int().min(0),
  /** Events written to streams, over the time since the previous sample. */
  deliveriesPerSecond: z.number().min(0),
  /** How late the event loop ran its timers: the 99th percentile of the last two samples' time. */
  eventLoopDelayP99Ms: z.number().min(0),
  /** The longest of these delays: a single one does not move the 99th percentile. */
  eventLoopDelayMaxMs: z.number().min(0),
  rssBytes: z.number().int().min(0),
  heapUsedBytes: z.number().int().min(0),
  uptimeSeconds: z.number().min(0),
})

/** The contract: the server publishes by it, the page is typed by it, and both validate with it. */
export const events = defineEvents({ log, scraping_progress: scrapingProgress, system, metrics })

export type LogEvent = EventOf<typeof events, 'log'>
export type LogLevel = LogEvent['level']
export type ScrapingEvent = EventOf<typeof events, 'scraping_progress'>
export type SourceState = z.infer<typeof sourceState>
export type SystemEvent = EventOf<typeof events, 'system'>
export type MetricsEvent = EventOf<typeof events, 'metrics'>

/** One channel per event, so that each has a history of its own: a busy log does not push system events out. */
export const channels: string[] = Object.keys(events)

/** Where the stream is served. */
export const streamPath = '/api/events/stream'
