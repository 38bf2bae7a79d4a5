import { createDecoder } from '@rivulet/core'
import { channelsOf, type KeptEvent } from './fake-channels.js'

/** The events that an answer has if the request asks for no number. */
const defaultLimit = 100

/** Answers a request for kept events, as Rivulet's history route does. */
export function historyOf(url: string, log: readonly KeptEvent[], forgotten: boolean): object {
  const { searchParams } = new URL(url)
  const channels = channelsOf(url)
  const before = searchParams.has('before') ? Number.parseInt(searchParams.get('before')!, 36) : Infinity
  const limit = Number(searchParams.get('limit') ?? defaultLimit)
  const older = log.filter(
    ({ position, channel }) => position < before && (channels === undefined || channels.has(channel)),
  )
  const events = older.slice(-limit).flatMap(({ frame }) => eventsOf(frame))
  if (older.length > events.length) return { events, hasOlder: true, before: events[0]!.id }
  return { events, hasOlder: false, ...(forgotten && { trimmed: true }) }
}

function eventsOf(frame: string): { id: string; event: string; data: unknown }[] {
  const events: { id: string; event: string; data: unknown }[] = []
  const onMessage = ({ event, data }: { event: string; data: string }, id?: string) => {
    events.push({ id: id!, event, data: JSON.parse(data) })
  }
  createDecoder({ onMessage }).feed(new TextEncoder().encode(frame))
  return events
}
