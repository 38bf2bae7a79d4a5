import type { LogEvent, LogLevel, MetricsEvent, ScrapingEvent, SystemEvent } from '../shared/events.js'
import type { Outage } from './connection/outages.js'

/** Creates an id at this place among the others, in the server's format. */
export function idAt(position: number): string {
  return (1_700_000_000_000 + position).toString(36)
}

export function logLine(position: number, message = `line ${position}`, level: LogLevel = 'info'): LogEvent {
  return { id: idAt(position), type: 'log', timestamp: position * 1_000, source: 'test', level, message }
}

export function sample(timestamp: number, fields: Partial<MetricsEvent> = {}): MetricsEvent {
  return {
    id: idAt(timestamp),
    type: 'metrics',
    timestamp,
    source: 'test',
    connections: 1,
    deliveriesPerSecond: 2,
    eventLoopDelayP99Ms: 3,
    eventLoopDelayMaxMs: 4,
    rssBytes: 4,
    heapUsedBytes: 5,
    uptimeSeconds: 6,
    ...fields,
  }
}

export function systemEvent(
  timestamp: number,
  event: SystemEvent['event'],
  message = `${event} happened`,
): SystemEvent {
  return { id: idAt(timestamp), type: 'system', timestamp, source: 'test', event, message }
}

export function run(fields: Partial<ScrapingEvent> = {}): ScrapingEvent {
  return {
    id: idAt(1),
    type: 'scraping_progress',
    timestamp: 1_000,
    source: 'test',
    runId: 'run',
    status: 'progress',
    progress: 50,
    proxiesFound: 12,
    currentSource: 'http://a.test/list',
    sources: [
      { url: 'http://a.test/list', status: 'completed', proxies: 12, durationMs: 40 },
      { url: 'http://b.test/list', status: 'fetching', proxies: 0 },
    ],
    durationMs: 100,
    ...fields,
  }
}

export function outage(after: number, fields: Partial<Outage> = {}): Outage {
  return {
    kind: 'outage',
    key: `outage-${after}`,
    afterId: idAt(after),
    lostAt: after * 1_000,
    backAt: undefined,
    complete: undefined,
    reason: undefined,
    ...fields,
  }
}
