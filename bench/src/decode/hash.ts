import type { Event } from './workloads.js'

/** FNV-1a over names and data. Ids are excluded, because some parsers give none, or only on the event that has one. */
export function hashEvents(events: Iterable<Pick<Event, 'event' | 'data'>>): number {
  let hash = 0x811c9dc5
  for (const { event, data } of events) {
    for (const text of [event, data]) {
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
      hash = Math.imul(hash ^ 0xff, 0x01000193)
    }
  }
  return hash >>> 0
}
