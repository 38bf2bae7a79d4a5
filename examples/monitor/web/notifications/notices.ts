import type { SystemEvent } from '../../shared/events.js'
import { describeOutage } from '../connection/describe-outage.js'
import type { Outage } from '../connection/outages.js'

export interface Notice {
  readonly key: string
  readonly tone: 'good' | 'notice' | 'warning' | 'error'
  readonly title: string
  readonly text: string
  readonly at: number
}

const titles: Record<SystemEvent['event'], Pick<Notice, 'title' | 'tone'>> = {
  server_start: { title: 'Server start', tone: 'good' },
  server_error: { title: 'Server error', tone: 'error' },
  high_load: { title: 'High load', tone: 'warning' },
}

/** Reports of the server about itself and of this page about its connection, newest first. */
export function toNotices(system: readonly SystemEvent[], outages: readonly Outage[]): Notice[] {
  return [...system.map(ofSystem), ...outages.map(ofOutage)].sort((a, b) => b.at - a.at)
}

function ofSystem({ id, event, message, timestamp }: SystemEvent): Notice {
  return { key: id!, ...titles[event], text: message, at: timestamp }
}

function ofOutage(outage: Outage): Notice {
  const { key, backAt, lostAt, complete } = outage
  const text = describeOutage(outage)
  if (backAt === undefined) return { key, tone: 'error', title: 'Connection lost', text, at: lostAt }
  return { key, tone: complete ? 'notice' : 'warning', title: complete ? 'Connection back' : 'Gap', text, at: backAt }
}
