import type { SystemEvent } from '../../shared/events.js'
import { describeOutage } from '../connection/describe-outage.js'
import type { Outage } from '../connection/outages.js'

export interface Notice {
  readonly key: string
  readonly tone: 'good' | 'notice' | 'warning' | 'error'
  readonly title: string
  readonly text: string
  /** Time of the latest one. */
  readonly at: number
  /** The number of equal ones that it stands for. */
  readonly count: number
}

const titles: Record<SystemEvent['event'], Pick<Notice, 'title' | 'tone'>> = {
  server_start: { title: 'Server start', tone: 'good' },
  server_error: { title: 'Server error', tone: 'error' },
  high_load: { title: 'High load', tone: 'warning' },
}

/** Reports of the server about itself and of this page about its connection, newest first. Equal ones become one. */
export function toNotices(system: readonly SystemEvent[], outages: readonly Outage[]): Notice[] {
  const notices = new Map<string, Notice>()
  for (const notice of [...system.map(ofSystem), ...outages.map(ofOutage)].sort((a, b) => b.at - a.at)) {
    const content = `${notice.title}: ${notice.text}`
    const newer = notices.get(content)
    notices.set(content, newer ? { ...newer, count: newer.count + 1 } : notice)
  }
  return [...notices.values()]
}

function ofSystem({ id, event, message, timestamp }: SystemEvent): Notice {
  return { key: id!, ...titles[event], text: message, at: timestamp, count: 1 }
}

function ofOutage(outage: Outage): Notice {
  const { key, backAt, lostAt, complete } = outage
  const text = describeOutage(outage)
  if (backAt === undefined) return { key, tone: 'error', title: 'Connection lost', text, at: lostAt, count: 1 }
  const [tone, title] = complete ? (['notice', 'Connection back'] as const) : (['warning', 'Gap'] as const)
  return { key, tone, title, text, at: backAt, count: 1 }
}
