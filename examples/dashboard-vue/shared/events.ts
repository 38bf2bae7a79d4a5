import { defineEvents, type EventOf } from '@rivulet/core'
import * as z from 'zod'

/** A line of the server's own log. */
const log = z.object({
  level: z.enum(['info', 'warning', 'error']),
  message: z.string(),
})

const page = z.object({
  url: z.string(),
  /** `undefined` while the page is being fetched, 0 if nothing answered. */
  status: z.number().int().optional(),
  /** Proxies found on the page. */
  found: z.number().int().min(0),
  durationMs: z.number().min(0).optional(),
})

/** State of a scraping run. Every event has the whole state, so the latest one is enough to draw it. */
const scrapingProgress = z.object({
  status: z.enum(['running', 'completed']),
  /** Percentage of finished pages, including failed ones. */
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
  /** Requests among these that were answered with 500 or above. */
  errorsPerSecond: z.number().min(0),
  /** Duration of the requests that ended in this second; 0 if none did. */
  latencyP50Ms: z.number().min(0),
  latencyP95Ms: z.number().min(0),
  /** Delay with which the event loop ran its timers. */
  eventLoopDelayMs: z.number().min(0),
  /** Percentage of one core. */
  cpuPercent: z.number().min(0),
  heapUsedBytes: z.number().int().min(0),
  rssBytes: z.number().int().min(0),
  /** Open event streams. */
  streams: z.number().int().min(0),
})

/** The contract: it validates on the server, and types and validates on the page. */
export const events = defineEvents({ log, scraping_progress: scrapingProgress, notification, metrics })

export type LogEvent = EventOf<typeof events, 'log'>
export type NotificationEvent = EventOf<typeof events, 'notification'>
export type MetricsEvent = EventOf<typeof events, 'metrics'>
export type Metrics = z.infer<typeof metrics>
export type Page = z.infer<typeof page>

/** One channel per event, so that each has its own history: a busy log does not push out notifications. */
export const channels: string[] = Object.keys(events)

export const streamPath = '/api/events/stream'

/** Seconds of metrics that a page shows, and gets when it opens. */
export const shownSeconds = 120
