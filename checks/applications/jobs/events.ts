import { defineEvents, type EventOf, mergeContracts } from '@rivulet/core'
import { z } from 'zod'

/** Events of the list, on the channel `jobs`. */
export const listEvents = defineEvents({
  'list.added': z.object({ job: z.string(), name: z.string() }),
  'list.ended': z.object({ job: z.string() }),
})

/** Events of one job, on a channel of its own. */
export const jobEvents = defineEvents({
  'job.progress': z.object({ done: z.number(), total: z.number() }),
  'job.line': z.object({ text: z.string() }),
})

export const events = mergeContracts(listEvents, jobEvents)

export const channelOf = (job: string): string => `job:${job}`

export interface JobList {
  cursor: string
  jobs: readonly { id: string; name: string; ended: boolean }[]
}

/** The list after an event. An event may be applied to a list that has it already. */
export function applyEvent({ cursor, jobs }: JobList, event: EventOf<typeof listEvents>): JobList {
  const job = jobs.find(({ id }) => id === event.job)
  const others = jobs.filter(({ id }) => id !== event.job)
  if (event.type === 'list.added')
    return { cursor, jobs: [...others, job ?? { id: event.job, name: event.name, ended: false }] }
  return { cursor, jobs: jobs.map((known) => (known === job ? { ...job, ended: true } : known)) }
}
