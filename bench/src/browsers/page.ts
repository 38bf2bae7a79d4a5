// Receives events as one of the subjects does, which the address names.
import { EventStreamService } from '@rivulet/client'
import { defineEvents } from '@rivulet/core'
import { z } from 'zod'
import { eventName } from '../client/workload.js'
import type { SubjectName } from './run.js'

declare global {
  interface Window {
    /** Number of events that the page has received. */
    received: number
  }
}

window.received = 0

function take(content: string): void {
  if (content) window.received++
}

function withRivulet(validate: boolean): void {
  const events = defineEvents({ [eventName]: z.object({ content: z.string(), index: z.number() }) })
  const stream = new EventStreamService({ url: '/events', events, validate })
  stream.on(eventName, (event) => take(event.content))
  stream.connect()
}

const subjects: Record<SubjectName, () => void> = {
  'rivulet, validated': () => withRivulet(true),
  rivulet: () => withRivulet(false),
  EventSource() {
    const source = new EventSource('/events')
    source.addEventListener(eventName, ({ data }) => take(JSON.parse(data).content))
  },
}

subjects[decodeURIComponent(location.hash.slice(1)) as SubjectName]()
