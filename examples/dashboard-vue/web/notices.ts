import type { NotificationEvent } from '../shared/events.js'

/** Something that a person should know: from the server, or about the connection. */
export type Notice = Pick<NotificationEvent, 'id' | 'severity' | 'message' | 'timestamp'>

export interface CountedNotice extends Notice {
  /** The number of equal ones that it stands for. */
  readonly count: number
}

/** Sorts notices, newest first. Equal ones become one, at the time of the latest. */
export function collapse(notices: readonly Notice[]): CountedNotice[] {
  const collapsed = new Map<string, CountedNotice>()
  for (const notice of notices.toSorted((a, b) => b.timestamp - a.timestamp)) {
    const content = `${notice.severity}: ${notice.message}`
    const newer = collapsed.get(content)
    collapsed.set(content, newer ? { ...newer, count: newer.count + 1 } : { ...notice, count: 1 })
  }
  return [...collapsed.values()]
}
