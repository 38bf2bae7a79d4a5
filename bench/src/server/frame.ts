import type { TickPayload } from './event.js'
import { eventName } from './subject.js'

export const sseHeaders = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache, no-transform' }

export function toFrame(payload: TickPayload): string {
  return `id: ${payload.seq}\nevent: ${eventName}\ndata: ${JSON.stringify(payload)}\n\n`
}
