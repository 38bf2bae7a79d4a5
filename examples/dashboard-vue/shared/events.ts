import { defineEvents, type EventOf } from '@rivulet/core'
import * as z from 'zod'

/** A line of the server's own log. */
const log = z.object({
  level: z.enum(['info', 'warning', 'error']),
  message: z.string(),
})

const page = z.object({
  url: z.string(),
  /** `undefined` while it is being fetched, 0 where nothing answered. */
  status: z.number().int().optional(),
  /** Proxies that were found on it. */
  found: z.number().int().min(0),
  durationMs: z.number().min(0).optional(),
})

/** How a scraping run stands. Every event tells the whole state, so that the latest one is enough to draw it. */
const scrapingProgress = z.object({
  status: z.enum(['running', 'completed']),
  /** Per cent of the pages that are done, failed ones included. */
  progress: z.number().min(0).max(100),
  proxiesFound: z.number().int().min(0),
  pages: z.array(page),
})

/** Something that a person should know. */
const notification = z.object({
  severity: z.enum(['good', 'notice', 'problem']),
  message: z.string(),
})

/** One second of the server, measured. */
const metrics = z.object({
  requestsPerSecond: z.number().min(0),
  /** Of these, answered with 500 and above. */
  errorsPerSecond: z.number().min(0),
  /** How long requests took that ended in this second; 0 where none did. */
  latencyP50Ms: z.number().min(0),
  latencyP95Ms: z.number().min(0),
  /** How late the event loop ran its timers. */
  eventLoopDelayMs: z.number().min(0),
  /** Per cent of one core. */
  cpuPercent: z.number().min(0),
  heapUsedBytes: z.number().int().min(0),
  rssBytes: z.number().int().min(0),
  /** Open event streams. */
  streams: z.number().int().min(0),
})

/** The contract: the server publishes by it, the page is typed by it, and both validate with it. */
export const events = defineEvents({ log, scraping_progress: scrapingProgress, notification, metrics })

export type LogEvent = EventOf<typeof events, 'log'>
export type NotificationEvent = EventOf<typeof events, 'notification'>
export type MetricsEvent = EventOf<typeof events, 'metrics'>
export type Metrics = z.infer<typeof metrics>
export type Page = z.infer<typeof page>

/** One channel per event, so that each has a history of its own: a busy log does not push notifications out. */
export const channels: string[] = Object.keys(events)

export const streamPath = '/api/events/stream'

/** How many seconds of metrics a page shows, and is given when it opens. */
export const shownSeconds = 120
