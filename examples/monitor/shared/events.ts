import { defineEvents, type EventOf } from '@rivulet/core'
import * as z from 'zod'

/** A line of the server's own log. */
const log = z.object({
  level: z.enum(['info', 'success', 'warning', 'error']),
  message: z.string(),
  /** Other fields of the line: a request's method, URL and duration, an error's stack. */
  data: z.record(z.string(), z.unknown()).optional(),
})

const sourceState = z.object({
  url: z.string(),
  status: z.enum(['waiting', 'fetching', 'completed', 'error']),
  /** Valid proxies on the page, including duplicates of other pages. */
  proxies: z.number().int().min(0),
  durationMs: z.number().min(0).optional(),
  error: z.string().optional(),
})

/** State of a scraping run. Every event has the whole state, so the latest one is enough to draw it. */
const scrapingProgress = z.object({
  runId: z.string(),
  /** `error` means that `currentSource` failed and the run continues; `completed` is always a run's last event. */
  status: z.enum(['started', 'progress', 'completed', 'error']),
  /** Percentage of finished sources, including failed ones. */
  progress: z.number().min(0).max(100),
  /** Number of distinct valid proxies so far. */
  proxiesFound: z.number().int().min(0),
  /** URL that this event is about; empty before the first source and after the last one. */
  currentSource: z.string(),
  sources: z.array(sourceState),
  /** Error of `currentSource`, if `status` is `error`. */
  error: z.string().optional(),
  durationMs: z.number().min(0),
})

/** Something about the server itself that a person should know. */
const system = z.object({
  event: z.enum(['server_start', 'server_error', 'high_load']),
  message: z.string(),
  data: z.record(z.string(), z.unknown()).optional(),
})

/** One second of measurements of the process. */
const metrics = z.object({
  /** Open event streams. */
  connections: z.number().int().min(0),
  /** Events written to streams since the previous sample. */
  deliveriesPerSecond: z.number().min(0),
  /** Delay with which the event loop ran its timers: the 99th percentile over the last two samples. */
  eventLoopDelayP99Ms: z.number().min(0),
  /** The longest of these delays, because a single one does not move the 99th percentile. */
  eventLoopDelayMaxMs: z.number().min(0),
  rssBytes: z.number().int().min(0),
  heapUsedBytes: z.number().int().min(0),
  uptimeSeconds: z.number().min(0),
})

/** The contract: it validates on the server, and types and validates on the page. */
export const events = defineEvents({ log, scraping_progress: scrapingProgress, system, metrics })

export type LogEvent = EventOf<typeof events, 'log'>
export type LogLevel = LogEvent['level']
export type ScrapingEvent = EventOf<typeof events, 'scraping_progress'>
export type SourceState = z.infer<typeof sourceState>
export type SystemEvent = EventOf<typeof events, 'system'>
export type MetricsEvent = EventOf<typeof events, 'metrics'>

/** One channel per event, so that each has its own history: a busy log does not push out system events. */
export const channels: string[] = Object.keys(events)

/** Route of the stream. */
export const streamPath = '/api/events/stream'
